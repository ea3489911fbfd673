// SPDX-License-Identifier: MIT
#include "receiver/http_request.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

namespace paceline::receiver {

namespace http = boost::beast::http;

HttpRequest::HttpRequest() { parser_.header_limit(kMostBytes); }

int HttpRequest::take(std::string& bytes) {
  boost::system::error_code error;
  const std::size_t used = parser_.put(boost::asio::buffer(bytes), error);
  bytes.erase(0, used);
  if (error == http::error::header_limit) return 431;
  if (error && error != http::error::need_more) return 400;
  if (parser_.is_header_done() && !parser_.is_done()) return 413;  // nobody asked for a body
  return bytes.size() > kMostBytes ? 431 : 0;
}

bool HttpRequest::is_head() const { return parser_.get().method() == http::verb::head; }

bool HttpRequest::is_get() const { return parser_.get().method() == http::verb::get || is_head(); }

std::string HttpRequest::path() const {
  const auto target = parser_.get().target();
  return std::string(target.substr(0, target.find('?')));
}

}  // namespace paceline::receiver
