// SPDX-License-Identifier: MIT
//
// What a path does to the packets of one direction: the decisions, without any socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <string_view>
#include <vector>

namespace paceline::relay {

using std::chrono::nanoseconds;

/// Packet numbers, both ends included; the first packet is number 1.
struct NumberRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool operator==(const NumberRange&) const = default;
};

/// "5,17-20" to ranges. Throws UsageError.
std::vector<NumberRange> parse_numbers(std::string_view text);

struct Impairment {
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  nanoseconds delay{0};
  nanoseconds jitter{0};  // added to delay, uniform from 0
  double loss = 0;        // probabilities, 0 to 1
  double duplicate = 0;
  double reorder = 0;                      // of being held back until the next packet has left
  std::vector<NumberRange> drop = {};      // packet numbers that are lost, whatever the dice say
  std::uint64_t blackhole_after = kNever;  // packets after this one are lost
};

/// What becomes of one packet.
struct Fate {
  bool dropped = false;
  bool dark = false;  // dropped, since the path is dark
  bool duplicated = false;
  bool held_back = false;
  nanoseconds delay{0};
};

/// Decides packet after packet. The same seed gives the same decisions; each packet draws as many random
/// numbers whatever is asked for, so one option does not change what another one hits.
class Dice {
 public:
  Dice(Impairment impairment, std::uint64_t seed) : impairment_(std::move(impairment)), random_(seed) {}

  /// The fate of packet `number`. A packet that is not `matched` is only delayed.
  Fate roll(std::uint64_t number, bool matched);

 private:
  Impairment impairment_;
  std::mt19937_64 random_;
};

}  // namespace paceline::relay
