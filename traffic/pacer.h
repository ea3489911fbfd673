// SPDX-License-Identifier: MIT
//
// Waiting for a packet's due time. The clock is a parameter, so that tests wait in simulated time.
#pragma once

#include <algorithm>
#include <optional>
#include <stop_token>

#include "paceline/clock.h"
#include "paceline/flow.h"
#include "traffic/clock_source.h"

namespace paceline::traffic {

/// How long before a due time a hybrid wait stops sleeping and spins: what this machine oversleeps, with a
/// reserve. One long oversleep raises it at once; shorter ones lower it slowly (by 1/1024 of the difference),
/// so that it stays above nearly all of them. Bounded, because a stall of milliseconds is none that waking
/// earlier would avoid.
class SleepMargin {
 public:
  static constexpr nanoseconds kLeast{5'000};
  static constexpr nanoseconds kMost{300'000};

  nanoseconds value() const { return value_; }

  void overslept(nanoseconds by) {
    const nanoseconds wanted = std::clamp(by + by / 4, kLeast, kMost);
    value_ = wanted > value_ ? wanted : value_ - (value_ - wanted) / 1024;
  }

 private:
  nanoseconds value_{100'000};
};

/// CLOCK_MONOTONIC as a Pacer wants a clock.
struct MonotonicClock {
  SenderTime now() const { return traffic::now<SenderClock>(); }
  /// Sleeps until `time` at the earliest; a signal ends it sooner.
  void sleep_until(SenderTime time) const;
};

/// Asks the kernel to fire this thread's timers to the nanosecond, until destroyed.
class PreciseTimers {
 public:
  PreciseTimers();
  ~PreciseTimers();
  PreciseTimers(const PreciseTimers&) = delete;
  PreciseTimers& operator=(const PreciseTimers&) = delete;

 private:
  int before_;
};

/// Waits for absolute times, one after the other, in one thread. A stop request ends a wait within
/// kLongestSleep. `Stop` is asked stop_requested(), as of a std::stop_token.
template <class Clock = MonotonicClock, class Stop = std::stop_token>
class Pacer {
 public:
  static constexpr nanoseconds kLongestSleep = std::chrono::milliseconds(25);

  Pacer(Pacing pacing, Stop stop, Clock clock = {})
      : pacing_(pacing), stop_(std::move(stop)), clock_(std::move(clock)) {}

  /// Returns the time that ended the wait, read just now: `due` or later. At once when `due` has passed;
  /// nothing when a stop was requested.
  std::optional<SenderTime> wait_until(SenderTime due) {
    SenderTime now = clock_.now();
    if (pacing_ == Pacing::sleep) now = sleep(due, now);
    if (pacing_ == Pacing::hybrid) now = sleep(due - margin_.value(), now);
    while (now < due && !stop_.stop_requested()) now = clock_.now();
    if (stop_.stop_requested()) return std::nullopt;
    return now;
  }

  nanoseconds margin() const { return margin_.value(); }

 private:
  SenderTime sleep(SenderTime end, SenderTime now) {
    while (now < end && !stop_.stop_requested()) {
      const SenderTime wake = std::min(end, now + kLongestSleep);
      clock_.sleep_until(wake);
      now = clock_.now();
      if (now >= wake) margin_.overslept(now - wake);
    }
    return now;
  }

  Pacing pacing_;
  Stop stop_;
  Clock clock_;
  SleepMargin margin_;
};

}  // namespace paceline::traffic
