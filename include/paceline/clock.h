// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace paceline {

using std::chrono::nanoseconds;

/// CLOCK_MONOTONIC as the sender's processes read it. A tag: times of two hosts must not be mixed by mistake.
struct SenderClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = nanoseconds;
  using time_point = std::chrono::time_point<SenderClock>;
  static constexpr bool is_steady = true;
};

/// CLOCK_MONOTONIC as the receiver's processes read it.
struct ReceiverClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = nanoseconds;
  using time_point = std::chrono::time_point<ReceiverClock>;
  static constexpr bool is_steady = true;
};

using SenderTime = SenderClock::time_point;
using ReceiverTime = ReceiverClock::time_point;

/// How far a one-way figure can be trusted.
enum class ClockVerdict {
  unknown,       ///< no exchange succeeded: one-way figures hold an unknown offset
  estimated,     ///< offset measured by a four-timestamp exchange (RFC 5905 section 8), to within the bound
  same_host,     ///< one kernel, one time namespace: both ends read the same clock
  synchronized,  ///< the user vouches for CLOCK_REALTIME on both ends (PTP, NTP)
};

std::string_view constexpr to_string(ClockVerdict verdict) {
  switch (verdict) {
    case ClockVerdict::unknown: return "unknown";
    case ClockVerdict::estimated: return "estimated";
    case ClockVerdict::same_host: return "same_host";
    case ClockVerdict::synchronized: return "synchronized";
  }
  return "unknown";
}

/// Maps the sender's clock to the receiver's: receiver = sender + offset. Frozen before a flow starts.
struct ClockMap {
  nanoseconds offset{0};

  constexpr ReceiverTime to_receiver(SenderTime time) const { return ReceiverTime{time.time_since_epoch() + offset}; }
  bool operator==(const ClockMap&) const = default;
};

/// What is known of the two clocks, with every one-way figure.
struct ClockResult {
  ClockVerdict verdict = ClockVerdict::unknown;
  nanoseconds offset{0};       ///< receiver minus sender, as used for this flow
  nanoseconds error_bound{0};  ///< the true offset lay within +- this during the flow, as far as was measured
  nanoseconds drift{0};        ///< change of the measured offset between the exchanges before and after the flow
  std::uint32_t exchanges_before = 0;  ///< four-timestamp exchanges that completed
  std::uint32_t exchanges_after = 0;
  nanoseconds min_round_trip{0};  ///< smallest round trip of those exchanges, the receiver's turnaround taken off

  bool operator==(const ClockResult&) const = default;
};

}  // namespace paceline
