// SPDX-License-Identifier: MIT
//
// Logarithm and exponential out of operations that IEEE 754 settles to the last bit. C libraries differ in these, by
// version and by processor; a seed would not give the same packets everywhere. Good to some units in the last place.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace paceline::traffic::portable {

namespace detail {

inline constexpr double kLn2High = 0x1.62e42fee00000p-1;  // its product with an exponent is exact
inline constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
inline constexpr double kSqrt2 = 0x1.6a09e667f3bcdp+0;
inline constexpr std::uint64_t kMantissa = (std::uint64_t{1} << 52) - 1;

/// The polynomial with these coefficients, of the highest power first; even and odd powers are summed side by side, as
/// a processor can.
template <std::size_t Count>
constexpr double polynomial(double x, const double (&coefficients)[Count]) {
  const double square = x * x;
  double same = 0, other = 0;  // as the last coefficient's power, even
  for (std::size_t i = 0; i < Count; ++i) {
    double& sum = (Count - 1 - i) % 2 == 0 ? same : other;
    sum = sum * square + coefficients[i];
  }
  return same + x * other;
}

/// e^x - 1 for |x| <= ln(2) / 2 by its series.
constexpr double expm1_near_zero(double x) {
  constexpr double kReciprocalFactorials[] = {
      1.0 / 87178291200, 1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
      1.0 / 5040,        1.0 / 720,        1.0 / 120,       1.0 / 24,       1.0 / 6,       1.0 / 2};
  return x + x * x * polynomial(x, kReciprocalFactorials);
}

/// 2^exponent, for exponents of normal numbers.
constexpr double power_of_two(std::int64_t exponent) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

}  // namespace detail

/// Natural logarithm. Precondition: x is positive, normal and finite.
inline double log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<std::int64_t>(bits >> 52) - 1023;
  double mantissa = std::bit_cast<double>((bits & detail::kMantissa) | (std::uint64_t{1023} << 52));
  if (mantissa > detail::kSqrt2) {
    mantissa /= 2;
    ++exponent;
  }
  // ln m = 2 artanh((m - 1) / (m + 1)), whose argument is at most 0.1716.
  const double ratio = (mantissa - 1) / (mantissa + 1);
  const double square = ratio * ratio;
  constexpr double kCoefficients[] = {2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13,
                                      2.0 / 11, 2.0 / 9,  2.0 / 7,  2.0 / 5,  2.0 / 3};
  const double series = detail::polynomial(square, kCoefficients);
  const auto e = static_cast<double>(exponent);
  return e * detail::kLn2High + (2 * ratio + (ratio * square * series + e * detail::kLn2Low));
}

/// e^x - 1, exact near 0; infinity above what a double holds.
inline double expm1(double x) {
  if (x > 709) return std::numeric_limits<double>::infinity();
  if (x < -700) return -1;
  const double powers = std::floor(x * 0x1.71547652b82fep+0 + 0.5);
  const double rest = x - powers * detail::kLn2High - powers * detail::kLn2Low;
  const double scale = detail::power_of_two(static_cast<std::int64_t>(powers));
  return scale * detail::expm1_near_zero(rest) + (scale - 1);
}

/// e^x; 0 and infinity beyond what a normal double holds.
inline double exp(double x) {
  if (x < -700) return 0;
  if (x > 709) return std::numeric_limits<double>::infinity();
  const double powers = std::floor(x * 0x1.71547652b82fep+0 + 0.5);
  const double rest = x - powers * detail::kLn2High - powers * detail::kLn2Low;
  return detail::power_of_two(static_cast<std::int64_t>(powers)) * (1 + detail::expm1_near_zero(rest));
}

/// x^y. Precondition: x as for log().
inline double pow(double x, double y) { return exp(y * log(x)); }

}  // namespace paceline::traffic::portable
