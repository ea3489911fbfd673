// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "paceline/clock.h"
#include "paceline/distribution.h"

namespace paceline::traffic {

/// When a flow's slots are due, as offsets from the flow's start: slot k at k / rate, to the nearest nanosecond.
/// The rate is taken as the exact fraction that the double is, so that no slot drifts, whatever the rate and the
/// duration.
class ConstantRate {
 public:
  /// Precondition: 0 < rate_pps <= PacketFlowSpec::kMaxRate. A gap of more than 31 years counts as 31 years.
  explicit ConstantRate(double rate_pps);

  /// The due offset of the next slot: 0 at first, then never decreasing.
  nanoseconds next() {
    const nanoseconds due{due_};
    due_ += gap_;
    fraction_ += gap_fraction_;
    if (fraction_ >= denominator_) {
      fraction_ -= denominator_;
      ++due_;
    }
    return due;
  }

  /// How many slots are due before `duration`, from the flow's start: those that a flow of this duration has.
  /// Precondition: 0 <= duration <= 2 * PacketFlowSpec::kMaxDuration (a warm-up and what is measured).
  std::uint64_t slots_before(nanoseconds duration) const;

  /// The due offset of any slot; next() gives the same in order. Precondition: the slot is due within a year.
  nanoseconds due(std::uint64_t slot) const;

 private:
  uint128 numerator_ = 0;           // the gap is numerator_ / denominator_ nanoseconds
  std::uint64_t denominator_ = 1;   // at most 53 bits
  std::int64_t gap_ = 0;            // the gap's whole nanoseconds
  std::uint64_t gap_fraction_ = 0;  // and the rest, in 1 / denominator_ ns
  std::int64_t due_ = 0;
  std::uint64_t fraction_ = 0;  // of a nanosecond beyond due_, and the half that makes rounding down the nearest
};

}  // namespace paceline::traffic
