// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "paceline/flow.h"

namespace paceline::decoder {

/// Difference of two times that came from outside: wraps instead of being undefined.
constexpr std::int64_t difference(std::int64_t later, std::int64_t earlier) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(later) - static_cast<std::uint64_t>(earlier));
}

/// Without a branch, for the sign of changes is hard to predict. That of the least number is itself.
constexpr std::int64_t magnitude(std::int64_t value) {
  const std::int64_t sign = value >> 63;  // all ones below 0
  return difference(value ^ sign, sign);
}

/// What a flow sends at most, warm-up included; of one without a rate, or whose rate is but
/// expected, as many as any rate that may be asked for gives.
double most_packets(const PacketFlowSpec& spec);

/// What depends on the order in which a flow's packets arrive: which are new, late or copies, how transit
/// times vary. The record file's blocks begin with its state.
class ArrivalOrder {
 public:
  enum class Kind {
    in_order,       // next or a gap ahead
    reordered,      // sent before one that has arrived (RFC 4737), first copy
    duplicate,      // a further copy
    beyond_window,  // older than the window: late or a copy, cannot be told
    impossible,     // more than the flow can have sent
  };

  // State from which later packets can be judged, duplicates of earlier ones aside.
  struct Checkpoint {
    std::uint64_t next_expected = 0;
    bool any = false;  // the fields below mean something
    std::uint64_t previous_sequence = 0;
    std::int64_t previous_transit = 0;
    std::uint64_t scaled_jitter = 0;  // RFC 3550 A.8: 16 times the estimate
  };

  // A distinct packet's transit time less that of the distinct packet that arrived before it.
  struct Variation {
    bool known = false;     // false for the first packet
    bool adjacent = false;  // they were sent one after the other: an IPDV (RFC 5481)
    std::int64_t change = 0;
  };

  explicit ArrivalOrder(const PacketFlowSpec& spec);

  /// Judges a packet and remembers it.
  Kind arrive(std::uint64_t sequence) {
    if (sequence < state_.next_expected) return arrive_late(sequence);
    if (sequence >= impossible_) return Kind::impossible;
    if (sequence != state_.next_expected) skip_to(sequence);
    set(sequence);
    state_.next_expected = sequence + 1;
    return Kind::in_order;
  }

  /// As arrive() for `number` packets from `sequence` on: how many of them, from the first, are in order. Judges and
  /// remembers those alone.
  std::size_t arrive_run(std::uint64_t sequence, std::size_t number);

  /// Each distinct packet, in order of arrival; transit is rx.user - tx.user, each by its own clock.
  Variation vary(std::uint64_t sequence, std::int64_t transit) {
    Variation variation;
    if (state_.any) {
      variation.known = true;
      variation.adjacent = sequence == state_.previous_sequence + 1;
      variation.change = difference(transit, state_.previous_transit);
      state_.scaled_jitter = smoothed(state_.scaled_jitter, variation.change);
    }
    state_.any = true;
    state_.previous_sequence = sequence;
    state_.previous_transit = transit;
    return variation;
  }

  /// As vary() for so many more packets, each the next in sequence, with the transit time of the one before.
  void keep_transit(std::uint64_t packets) {
    state_.previous_sequence += packets;
    // Below 8 the estimator stays as it is.
    for (std::uint64_t i = 0; i < packets && state_.scaled_jitter >= 8; ++i)
      state_.scaled_jitter = smoothed(state_.scaled_jitter, 0);
  }

  /// RFC 3550's estimator, times 16, after one more change of transit time.
  static std::uint64_t smoothed(std::uint64_t scaled_jitter, std::int64_t change) {
    // The estimator holds 16 times its value: changes of more than 9 years do not fit and count as that.
    constexpr std::uint64_t kMost = std::uint64_t{1} << 58;
    const auto size = static_cast<std::uint64_t>(magnitude(change));
    return scaled_jitter + (size < kMost ? size : kMost) - ((scaled_jitter + 8) >> 4);
  }

  std::uint64_t next_expected() const { return state_.next_expected; }
  std::uint64_t window() const { return mask_ + 1; }
  nanoseconds smoothed_jitter() const { return nanoseconds{static_cast<std::int64_t>(state_.scaled_jitter >> 4)}; }
  const Checkpoint& checkpoint() const { return state_; }

 private:
  Kind arrive_late(std::uint64_t sequence);
  void skip_to(std::uint64_t sequence);
  void set(std::uint64_t sequence, std::size_t number);
  void set(std::uint64_t sequence) { seen_[(sequence & mask_) / 64] |= std::uint64_t{1} << (sequence % 64); }

  std::uint64_t impossible_;         // the first sequence number that is
  std::uint64_t mask_;               // window - 1
  std::vector<std::uint64_t> seen_;  // a bit for each sequence number of the window, by its low bits
  Checkpoint state_;
};

}  // namespace paceline::decoder
