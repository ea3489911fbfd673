// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "paceline/result.h"

namespace paceline::decoder {

/// Tells in which of the earlier intervals a packet was counted lost, by the sequence numbers up to which they
/// had come.
class LossLedger {
 public:
  void close(std::uint64_t interval, std::uint64_t next_expected) {
    if (used_ > 0 && latest().next_expected == next_expected) return;  // nothing can have been lost in it
    if (used_ == kBoundsKept) {
      forgotten_ = bounds_.front().next_expected;
      std::rotate(bounds_.begin(), bounds_.begin() + 1,
                  bounds_.end());  // std::ranges::rotate is beyond clang 14
      --used_;
    }
    bounds_[used_++] = {interval, next_expected, 0};
  }

  // The packet has arrived, late. One that an interval still open has missed needs no correction; one that an
  // interval no longer known has missed gets none.
  void arrived(std::uint64_t sequence) {
    if (used_ == 0 || sequence >= latest().next_expected || sequence < forgotten_) return;
    --std::ranges::upper_bound(bounds_.begin(), bounds_.begin() + used(), sequence, {}, &Bound::next_expected)->lost;
  }

  std::vector<Correction> take() {
    std::vector<Correction> corrections;
    for (std::size_t i = 0; i < used_; ++i) {
      if (bounds_[i].lost != 0) corrections.push_back({bounds_[i].interval, std::exchange(bounds_[i].lost, 0)});
    }
    return corrections;
  }

 private:
  static constexpr std::size_t kBoundsKept = 64;
  struct Bound {
    std::uint64_t interval;
    std::uint64_t next_expected;  // at the interval's end
    std::int64_t lost;            // correction so far
  };
  const Bound& latest() const { return bounds_[used_ - 1]; }
  std::ptrdiff_t used() const { return static_cast<std::ptrdiff_t>(used_); }

  std::array<Bound, kBoundsKept> bounds_{};
  std::size_t used_ = 0;
  std::uint64_t forgotten_ = 0;  // sequence numbers below it belong to intervals before the first bound's
};

}  // namespace paceline::decoder
