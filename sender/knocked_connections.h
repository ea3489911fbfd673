// SPDX-License-Identifier: MIT
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>

namespace paceline::sender {

/// Connections that a flow's receiver has opened and knocked on. Any number of coroutines may wait for one, on one
/// thread.
class KnockedConnections {
 public:
  /// Nobody waits for longer than `limit`.
  KnockedConnections(const asio::any_io_executor& executor, std::chrono::steady_clock::time_point limit)
      : news_(executor, limit) {}

  void put(asio::ip::tcp::socket connection) {
    connections_.push_back(std::move(connection));
    news_.cancel();
  }

  /// One that nobody else has; nothing when none came in time.
  asio::awaitable<std::optional<asio::ip::tcp::socket>> next() {
    while (connections_.empty() && std::chrono::steady_clock::now() < news_.expiry()) {
      asio::error_code cancelled;
      co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    if (connections_.empty()) co_return std::nullopt;
    std::optional<asio::ip::tcp::socket> connection(std::move(connections_.front()));
    connections_.pop_front();
    co_return connection;
  }

 private:
  asio::steady_timer news_;
  std::deque<asio::ip::tcp::socket> connections_;
};

}  // namespace paceline::sender
