// SPDX-License-Identifier: MIT
#include "traffic/schedule.h"

#include <algorithm>
#include <cmath>

namespace paceline::traffic {

namespace {

constexpr double kLeastRate = 1e-9;  // keeps the numerator within 112 bits
constexpr int kMantissaBits = 53;

}  // namespace

ConstantRate::ConstantRate(double rate_pps) {
  int exponent = 0;
  const double mantissa = std::frexp(std::max(rate_pps, kLeastRate), &exponent);
  denominator_ = static_cast<std::uint64_t>(std::ldexp(mantissa, kMantissaBits));
  int shift = kMantissaBits - exponent;  // rate = denominator_ / 2^shift; positive, as the rate is below 2^53
  while (shift > 0 && denominator_ % 2 == 0) {
    denominator_ /= 2;
    --shift;
  }
  numerator_ = uint128{1'000'000'000} << shift;
  gap_ = static_cast<std::int64_t>(numerator_ / denominator_);
  gap_fraction_ = static_cast<std::uint64_t>(numerator_ % denominator_);
  fraction_ = denominator_ / 2;
}

std::uint64_t ConstantRate::slots_before(nanoseconds duration) const {
  const uint128 end = static_cast<uint128>(duration.count()) * denominator_;
  const uint128 half = denominator_ / 2;
  return end <= half ? 0 : static_cast<std::uint64_t>((end - half + numerator_ - 1) / numerator_);
}

nanoseconds ConstantRate::due(std::uint64_t slot) const {
  return nanoseconds{static_cast<std::int64_t>((slot * numerator_ + denominator_ / 2) / denominator_)};
}

}  // namespace paceline::traffic
