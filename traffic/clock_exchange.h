// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "paceline/clock.h"

namespace paceline::traffic {

/// Far beyond what any clock shows, and near enough that sums and differences of such times cannot overflow: a peer's
/// time outside of it is none.
inline bool plausible(nanoseconds time) {
  constexpr nanoseconds kLatest{std::int64_t{1} << 60};
  return -kLatest < time && time < kLatest;
}

/// One round trip on the data path: sent and answered at the sender, received and replied at the receiver.
struct ClockSample {
  SenderTime sent{};
  ReceiverTime received{};
  ReceiverTime replied{};
  SenderTime answered{};

  nanoseconds round_trip() const { return (answered - sent) - (replied - received); }
  /// Receiver's clock less sender's, if both directions took equally long (RFC 5905 section 8).
  nanoseconds offset() const {
    const nanoseconds there = received.time_since_epoch() - sent.time_since_epoch();
    const nanoseconds back = replied.time_since_epoch() - answered.time_since_epoch();
    return back + (there - back) / 2;
  }
};

/// The offset of two clocks from a series of round trips: that of the fastest one, which had the least to wait for;
/// half its round trip bounds the error, whatever the asymmetry. Pure.
class ClockExchange {
 public:
  /// False for a sample that cannot be (a time that ran backwards, or that no clock shows); it is left out.
  bool add(const ClockSample& sample);

  std::uint32_t count() const { return count_; }
  nanoseconds offset() const { return best_ ? best_->offset() : nanoseconds{0}; }
  nanoseconds min_round_trip() const { return best_ ? best_->round_trip() : nanoseconds{0}; }
  nanoseconds error_bound() const { return (min_round_trip() + nanoseconds{1}) / 2; }

 private:
  std::optional<ClockSample> best_;
  std::uint32_t count_ = 0;
};

/// What identifies the clock that a process reads as CLOCK_MONOTONIC.
struct ClockIdentity {
  std::string boot_id;
  std::uint64_t time_namespace = 0;  // inode of /proc/self/ns/time; 0 where the kernel has none
  nanoseconds monotonic_offset{0};   // of that namespace (/proc/self/timens_offsets)

  bool same_clock(const ClockIdentity& other) const {
    return !boot_id.empty() && boot_id == other.boot_id && time_namespace == other.time_namespace;
  }
};

ClockIdentity read_clock_identity();

/// CLOCK_REALTIME less CLOCK_MONOTONIC now.
nanoseconds realtime_offset();

/// What is known before the flow starts; its offset is the flow's clock map.
/// `synchronized_offset` is set when the user vouches for both CLOCK_REALTIMEs: receiver's monotonic less sender's.
ClockResult judge(const ClockExchange& before, bool same_clock, std::optional<nanoseconds> synchronized_offset);

/// Adds what the exchange after the flow showed: drift, and an error bound that covers both.
ClockResult widen(const ClockResult& before, const ClockExchange& first, const ClockExchange& after);

}  // namespace paceline::traffic
