// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

namespace paceline::decoder {

/// Counts runs of lost packets, next to each other in sequence, in constant memory. A packet counts as lost once it is
/// more than kWindow behind; one that comes later still is not seen to have arrived.
class LossRuns {
 public:
  static constexpr std::uint64_t kWindow = std::uint64_t{1} << 16;

  /// Packets below `first` (of a warm-up) are left out.
  explicit LossRuns(std::uint64_t first = 0) : next_(first), decided_(first), seen_(kWindow) {}

  void arrived(std::uint64_t sequence);
  /// The flow is over; it sent the packets below `sent`. Nothing may arrive after.
  void finish(std::uint64_t sent);

  std::uint64_t lost() const { return lost_; }
  std::uint64_t runs() const { return runs_; }

 private:
  void decide_below(std::uint64_t sequence);

  std::uint64_t next_;     // the highest so far + 1
  std::uint64_t decided_;  // packets below are counted
  bool in_run_ = false;
  std::uint64_t lost_ = 0, runs_ = 0;
  std::vector<bool> seen_;  // of [decided_, decided_ + kWindow), by sequence modulo kWindow
};

}  // namespace paceline::decoder
