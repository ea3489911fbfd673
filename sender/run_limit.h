// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "paceline/clock.h"

namespace paceline::sender {

/// False when a stop was requested meanwhile.
inline bool sleep_for(nanoseconds time, const std::stop_token& stop) {
  constexpr std::chrono::hours kMost(24 * 365);
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, stop, std::min<nanoseconds>(time, kMost), [] { return false; });
  return !stop.stop_requested();
}

/// Requests a stop when the limit has passed or another stop is requested.
class RunLimit {
 public:
  RunLimit(nanoseconds limit, const std::stop_token& other)
      : on_other_(other, [this] { stop_.request_stop(); }), timer_([this, limit](const std::stop_token& over) {
          if (!sleep_for(limit, over)) return;
          passed_ = true;
          stop_.request_stop();
        }) {}

  std::stop_token token() const { return stop_.get_token(); }
  bool passed() const { return passed_; }

 private:
  std::stop_source stop_;
  std::atomic<bool> passed_ = false;
  std::stop_callback<std::function<void()>> on_other_;
  std::jthread timer_;
};

}  // namespace paceline::sender
