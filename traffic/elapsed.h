// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

namespace paceline::traffic {

/// Adds up seconds as whole nanoseconds and keeps what is left over, so that a sum of many does not drift.
class Elapsed {
 public:
  /// 73 years: nothing that is due then is ever sent, and three of them fit in 64 bits.
  static constexpr std::int64_t kFar = std::int64_t{1} << 61;

  /// Precondition: not negative; infinity is as far as can be.
  void add(double seconds) {
    const double ns = seconds * 1e9;
    if (!(ns < static_cast<double>(kFar))) {
      ns_ = kFar;
      return;
    }
    const auto whole = static_cast<std::int64_t>(ns);
    const auto fraction = static_cast<std::uint64_t>((ns - static_cast<double>(whole)) * 0x1p64);
    fraction_ += fraction;
    ns_ = std::min(kFar, ns_ + whole + (fraction_ < fraction ? 1 : 0));
  }

  std::int64_t ns() const { return ns_; }

 private:
  std::int64_t ns_ = 0;
  std::uint64_t fraction_ = 0;  // of a nanosecond, in 2^-64
};

}  // namespace paceline::traffic
