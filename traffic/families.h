// SPDX-License-Identifier: MIT
//
// Each family's transform of random bits. Formulas use only operations that are the same on every machine.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "traffic/portable_math.h"
#include "traffic/random_bits.h"

namespace paceline::traffic {

/// No exponential and no normal number is further out: random bits are 53 and 52.
inline constexpr double kMostExponential = 36.8;
inline constexpr double kMostNormal = 12;

/// A point of the unit disc, by rejection.
struct DiscPoint {
  explicit DiscPoint(RandomBits& bits) {
    do {
      x = bits.around_zero();
      y = bits.around_zero();
      square = x * x + y * y;
    } while (square >= 1);
  }
  double x, y, square;
};

/// Mean 1.
inline double draw_exponential(RandomBits& bits) { return -portable::log(bits.above_zero()); }

/// Mean 0, variance 1: Marsaglia and Bray's polar method (1964).
inline double draw_normal(RandomBits& bits) {
  const DiscPoint point(bits);
  return point.x * std::sqrt(-2 * portable::log(point.square) / point.square);
}

/// Location 0, scale 1: the slope of a random direction.
inline double draw_cauchy(RandomBits& bits) {
  const DiscPoint point(bits);
  return point.y / point.x;
}

/// Scale 1: P(X > x) = x^-shape.
inline double draw_pareto(RandomBits& bits, double shape) {
  return portable::exp(-portable::log(bits.above_zero()) / shape);
}

/// Scale 1: P(X > x) = e^-(x^shape).
inline double draw_weibull(RandomBits& bits, double shape) {
  const double exponential = draw_exponential(bits);
  return exponential > 0 ? portable::pow(exponential, 1 / shape) : 0;
}

/// Student's t: Bailey's polar method (1994). Beyond kNormalFreedom it is the normal distribution to 1 in 10^8.
inline double draw_student(RandomBits& bits, double freedom) {
  constexpr double kNormalFreedom = 1e8;
  if (freedom > kNormalFreedom) return draw_normal(bits);
  const DiscPoint point(bits);
  const double power = portable::expm1(-2 / freedom * portable::log(point.square));
  return point.x * std::sqrt(freedom * power / point.square);
}

/// No number of draw_student() is further out.
inline double most_student(double freedom) {
  constexpr double kMostLogarithm = kMostNormal * kMostNormal / 2;  // of 1 / DiscPoint::square
  return std::max(kMostNormal, std::sqrt(freedom * portable::expm1(2 / freedom * kMostLogarithm)));
}

/// Scale 1: Marsaglia and Tsang (2000), shapes below 1 by a power of a uniform number.
class GammaDraw {
 public:
  explicit GammaDraw(double shape)
      : boost_(shape < 1 ? 1 / shape : 0), d_((shape < 1 ? shape + 1 : shape) - 1.0 / 3), c_(1 / std::sqrt(9 * d_)) {}

  /// Nothing greater is drawn.
  static double most(double shape) {
    const GammaDraw draw(shape);
    const double root = 1 + draw.c_ * kMostNormal;
    return draw.d_ * root * root * root;
  }

  double operator()(RandomBits& bits) const {
    const double value = draw(bits);
    return boost_ > 0 ? value * portable::exp(portable::log(bits.above_zero()) * boost_) : value;
  }

 private:
  double draw(RandomBits& bits) const {
    for (;;) {
      const double x = draw_normal(bits);
      const double root = 1 + c_ * x;
      if (root <= 0) continue;
      const double v = root * root * root;
      const double u = bits.above_zero();
      if (u < 1 - 0.0331 * (x * x) * (x * x)) return d_ * v;
      if (portable::log(u) < 0.5 * x * x + d_ * (1 - v + portable::log(v))) return d_ * v;
    }
  }

  double boost_, d_, c_;
};

/// A number of events: by multiplication where few are to be expected (Knuth), else Hörmann's transformed rejection
/// with squeeze, PTRS (1993).
class PoissonDraw {
 public:
  /// Precondition: 0 < mean <= 1e9.
  explicit PoissonDraw(double mean)
      : mean_(mean),
        log_mean_(mean < kFew ? 0 : portable::log(mean)),
        none_(mean < kFew ? portable::exp(-mean) : 0),
        b_(0.931 + 2.53 * std::sqrt(mean)),
        a_(-0.059 + 0.02483 * b_),
        inverse_alpha_(1.1239 + 1.1328 / (b_ - 3.4)),
        squeeze_(0.9277 - 3.6224 / (b_ - 2)) {}

  /// More has a chance below e^-40 (Bernstein's inequality): nobody waits for it.
  static double most(double mean) {
    constexpr double kExponent = 40;
    return mean + kExponent / 3 + std::sqrt(kExponent * kExponent / 9 + 2 * kExponent * mean);
  }

  double operator()(RandomBits& bits) const { return mean_ < kFew ? draw_few(bits) : draw_many(bits); }

 private:
  static constexpr double kFew = 10;

  double draw_few(RandomBits& bits) const {
    double events = 0;
    for (double product = bits.above_zero(); product > none_; product *= bits.above_zero()) ++events;
    return events;
  }

  double draw_many(RandomBits& bits) const {
    for (;;) {
      const double u = bits.below_one() - 0.5;
      const double v = bits.above_zero();
      const double us = 0.5 - std::abs(u);
      const double k = std::floor((2 * a_ / us + b_) * u + mean_ + 0.43);
      if (us >= 0.07 && v <= squeeze_) return k;
      if (k < 0 || (us < 0.013 && v > us)) continue;
      const double accepted = portable::log(v * inverse_alpha_ / (a_ / (us * us) + b_));
      if (accepted <= k * log_mean_ - mean_ - log_factorial(k)) return k;
    }
  }

  /// Stirling's series from 10 on, good to 1e-11.
  static double log_factorial(double k) {
    constexpr std::array<double, 10> kFactorials = {1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880};
    if (k < 10) return portable::log(kFactorials[static_cast<std::size_t>(k)]);
    constexpr double kHalfLogTwoPi = 0x1.d67f1c864beb5p-1;
    const double inverse = 1 / k, square = inverse * inverse;
    const double series = inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680)));
    return (k + 0.5) * portable::log(k) - k + kHalfLogTwoPi + series;
  }

  double mean_, log_mean_, none_, b_, a_, inverse_alpha_, squeeze_;
};

}  // namespace paceline::traffic
