// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

#include "paceline/clock.h"

namespace paceline::traffic {

/// Finds steps of the wall clock: it gains or loses against CLOCK_MONOTONIC more than slewing, as by NTP, can make it
/// (the kernel slews by at most 0.5 ms a second).
class WallClockSteps {
 public:
  using Clock = std::chrono::steady_clock;

  /// By its offset, as realtime_offset() gives it, at `now`.
  WallClockSteps(nanoseconds offset, Clock::time_point now) : offset_(offset), seen_(now) {}

  /// The step since the last look, if there was one.
  std::optional<nanoseconds> look(nanoseconds offset, Clock::time_point now) {
    constexpr nanoseconds kReadingError = std::chrono::milliseconds(10);  // a preemption between two clocks
    const nanoseconds gained = offset - offset_;
    const nanoseconds slewed = (now - seen_) / 1000 + kReadingError;
    offset_ = offset;
    seen_ = now;
    return std::chrono::abs(gained) > slewed ? std::optional(gained) : std::nullopt;
  }

 private:
  nanoseconds offset_;
  Clock::time_point seen_;
};

/// What a user is told of one.
inline std::string step_text(nanoseconds step) {
  char text[160];
  std::snprintf(
      text, sizeof text,
      "this host's wall clock stepped by %+.3f s; delays are by the monotonic clock, and do not have it in them",
      std::chrono::duration<double>(step).count());
  return text;
}

}  // namespace paceline::traffic
