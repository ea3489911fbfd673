// SPDX-License-Identifier: MIT
//
// Random numbers that a seed settles, the same on every machine.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace paceline::traffic {

/// What a stream of random numbers is for. Each has a stream of its own, so drawing more of one changes no other. The
/// numbers are part of what a seed means: append, never change.
enum class Purpose : std::uint64_t { gaps = 1, sizes = 2, jitter = 3, on = 4, off = 5, payload = 6, pilot = 7 };

/// xoshiro256++ (Blackman and Vigna, 2019), its state filled by splitmix64 as its authors advise.
class RandomBits {
 public:
  RandomBits(std::uint64_t seed, Purpose purpose) {
    std::uint64_t state = seed;
    state = splitmix(state) ^ static_cast<std::uint64_t>(purpose);
    for (std::uint64_t& word : state_) word = splitmix(state);
  }

  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// 0 <= x < 1, in steps of 2^-53.
  double below_one() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  /// 0 < x <= 1: has a logarithm.
  double above_zero() { return static_cast<double>((next() >> 11) + 1) * 0x1p-53; }
  /// -1 < x < 1, evenly around 0 and never 0.
  double around_zero() { return (static_cast<double>(next() >> 12) + 0.5) * 0x1p-51 - 1; }

 private:
  static std::uint64_t splitmix(std::uint64_t& state) {
    state += 0x9E3779B97F4A7C15;
    std::uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return mixed ^ (mixed >> 31);
  }

  std::array<std::uint64_t, 4> state_{};
};

}  // namespace paceline::traffic
