// SPDX-License-Identifier: MIT
#pragma once

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstddef>
#include <string>

namespace paceline::receiver {

/// One HTTP request, as its bytes come in; one that has a body, or is longer than kMostBytes, is refused.
class HttpRequest {
 public:
  static constexpr std::size_t kMostBytes = 8 * 1024;

  HttpRequest();

  /// Takes from the front of `bytes` what is the request's. Returns the status to refuse it with, 0 if it is well.
  int take(std::string& bytes);

  bool whole() const { return parser_.is_done(); }

  // Of a whole one:
  bool keep_alive() const { return parser_.get().keep_alive(); }
  bool is_head() const;
  bool is_get() const;       ///< or HEAD
  std::string path() const;  ///< without a query

 private:
  boost::beast::http::request_parser<boost::beast::http::empty_body> parser_;
};

}  // namespace paceline::receiver
