// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>

#include "traffic/clock_source.h"
#include "traffic/cpu_time.h"

namespace paceline::traffic {

/// The CPU time that this process spends on the measured part of a flow. Used on the executor's thread, which reads it
/// in between packets at best. `Timer` is asio::steady_timer or alike, on CLOCK_MONOTONIC as `Clock` is.
template <class Clock, class Timer>
class CpuMeter {
 public:
  template <class Executor>
  explicit CpuMeter(const Executor& executor) : timer_(executor) {}

  /// Begins to measure at `when`.
  void begin_at(typename Clock::time_point when) {
    timer_.expires_at(typename Timer::time_point(when.time_since_epoch()));
    timer_.async_wait([cpu = cpu_](const auto& cancelled) {
      if (!cancelled) cpu->begin(since_boot());
    });
  }

  /// What was spent until the first call; all zero if the measured part never began.
  CpuTime end() {
    timer_.cancel();
    if (!spent_) spent_ = cpu_->until(since_boot());
    return *spent_;
  }

 private:
  static nanoseconds since_boot() { return now<Clock>().time_since_epoch(); }

  Timer timer_;
  std::shared_ptr<MeasuredCpu> cpu_ = std::make_shared<MeasuredCpu>();  // the timer's handler may outlive the meter
  std::optional<CpuTime> spent_;
};

}  // namespace paceline::traffic
