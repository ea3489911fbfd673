// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace paceline::receiver {

/// What a GET is answered with.
struct HttpAnswer {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

/// A small HTTP/1.1 server for probes and metrics, on a thread of its own: GET and HEAD, kept alive if asked. It costs
/// its clients' misbehaviour little: short requests without a body (HttpRequest), kMostConnections (the oldest
/// makes room), and a deadline for each wait.
class HttpEndpoint {
 public:
  static constexpr std::size_t kMostConnections = 64;
  static constexpr int kIdleSeconds = 90;    ///< from one request to the next
  static constexpr int kRequestSeconds = 5;  ///< for a request's bytes, from the first one on
  static constexpr int kReplySeconds = 10;

  /// Listens on `bind`:`port` (empty: all addresses of both families; 0: any free port). `answer` is called on the
  /// endpoint's thread with the path. Throws SetupError, UsageError for an address that is none.
  HttpEndpoint(const std::string& bind, std::uint16_t port, std::function<HttpAnswer(std::string_view path)> answer);
  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline::receiver
