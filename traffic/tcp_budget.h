// SPDX-License-Identifier: MIT
//
// How many bytes a paced TCP stream may have written at a time. Pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "paceline/clock.h"

namespace paceline::traffic {

/// A stream's share of a bitrate, in ticks: what is due in a tick is due at its start, so that whole intervals hold
/// exactly what was asked for. Ticks count from the flow's start: lateness does not add up, and what a late wake-up or
/// a full socket held back is due at once (SO_MAX_PACING_RATE keeps it from leaving as a burst).
class TcpBudget {
 public:
  /// Of one stream, of payload. A tick is a segment's time, within 1 ms (fewer wake-ups) and 10 ms (smoothness).
  TcpBudget(double bits_a_second, nanoseconds total, std::uint32_t mss)
      : bytes_a_ns_(bits_a_second / 8e9),
        total_(total),
        tick_(static_cast<std::int64_t>(std::clamp(static_cast<double>(mss) / bytes_a_ns_, 1e6, 1e7))) {}

  /// Bytes that are due at `now`, since the flow's start.
  std::uint64_t due(nanoseconds now) const {
    if (now < nanoseconds{0}) return 0;
    const nanoseconds until = std::min(next(now), total_);
    return static_cast<std::uint64_t>(std::llround(bytes_a_ns_ * static_cast<double>(until.count())));
  }

  /// When more will be due.
  nanoseconds next(nanoseconds now) const { return (now / tick_ + 1) * tick_; }

 private:
  double bytes_a_ns_;
  nanoseconds total_;
  nanoseconds tick_;
};

}  // namespace paceline::traffic
