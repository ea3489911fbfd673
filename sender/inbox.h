// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace paceline::sender {

/// Values that one coroutine waits for and others hand over, on one thread.
template <class Value>
class Inbox {
 public:
  static constexpr std::size_t kMost = 4096;  // a flow of many streams is told of each one's path

  explicit Inbox(const asio::any_io_executor& executor) : signal_(executor) {}

  /// False when kMost values wait already: the value is dropped.
  bool put(Value value) {
    if (values_.size() >= kMost) return false;
    values_.push_back(std::move(value));
    signal_.cancel();
    return true;
  }

  /// Whoever waits gets nothing now, and looks at what changed.
  void wake() {
    woken_ = true;
    signal_.cancel();
  }

  /// next() gives nothing from now on but what is there already.
  void close() {
    closed_ = true;
    signal_.cancel();
  }

  /// The next value; nothing when the limit has passed, on wake(), or when the inbox is closed and empty.
  asio::awaitable<std::optional<Value>> next(std::chrono::steady_clock::time_point limit) {
    while (values_.empty() && !closed_ && !woken_ && std::chrono::steady_clock::now() < limit) {
      signal_.expires_at(limit);
      asio::error_code cancelled;
      co_await signal_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    woken_ = false;
    if (values_.empty()) co_return std::nullopt;
    std::optional<Value> value(std::move(values_.front()));
    values_.pop_front();
    co_return value;
  }

 private:
  asio::steady_timer signal_;
  std::deque<Value> values_;
  bool closed_ = false;
  bool woken_ = false;
};

}  // namespace paceline::sender
