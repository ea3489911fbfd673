// SPDX-License-Identifier: MIT
//
// Many UDP flows as one: for people, who do not read a thousand rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "paceline/result.h"

namespace paceline::decoder {

/// More flows than these are shown to people as their sum.
inline constexpr std::size_t kMostFlowsShown = 8;

/// What was asked of all flows together. Precondition: at least one; they differ in nothing but their rate.
PacketFlowSpec sum(const std::vector<PacketFlowSpec>& flows);

/// The flows' counts and distributions added up; what cannot be (path, stamping, clock) is the first one's, and the
/// span of sending is such that the rate is the sum of theirs. Complete if all are. Precondition: at least one.
PacketFlowResult sum(const std::vector<const PacketFlowResult*>& flows);

/// Adds up the flows' rows of the same interval. Holds at most kMost sums; beyond, the oldest are given out though not
/// all flows have told theirs.
class PacketRowSum {
 public:
  static constexpr std::size_t kMost = 64;

  explicit PacketRowSum(std::size_t flows) : flows_(flows) {}

  /// The sums that are whole by now, in order.
  std::vector<PacketInterval> add(const PacketInterval& row);
  /// What is left, when no more will come.
  std::vector<PacketInterval> rest();

 private:
  struct Waiting {
    PacketInterval sum;
    std::size_t told = 0;
  };
  bool whole(const Waiting& waiting) const;
  PacketInterval give_out();

  std::size_t flows_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::vector<std::uint64_t> ended_;  // index of the last row of each flow that is over
};

}  // namespace paceline::decoder
