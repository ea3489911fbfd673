// SPDX-License-Identifier: MIT
#include "traffic/portable_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace paceline::traffic {
namespace {

double relative_error(double ours, long double true_value) {
  return true_value == 0 ? std::abs(ours) : static_cast<double>(std::abs((ours - true_value) / true_value));
}

TEST(PortableMath, LogarithmIsGoodToAFewUnitsInTheLastPlace) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const int exponent = i % 2 == 0 ? static_cast<int>(random() % 2000) - 1000 : static_cast<int>(random() % 4) - 2;
    const double x = std::ldexp(1 + static_cast<double>(random() >> 12) * 0x1p-52, exponent);
    ASSERT_LT(relative_error(portable::log(x), std::log(static_cast<long double>(x))), 1e-15) << x;
  }
  EXPECT_EQ(portable::log(1), 0);
}

TEST(PortableMath, ExponentialIsGoodToAFewUnitsInTheLastPlace) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 200'000; ++i) {
    const double part = static_cast<double>(random() >> 11) * 0x1p-53 - 0.5;
    const double x = part * (i % 2 == 0 ? 1390 : 2);
    ASSERT_LT(relative_error(portable::exp(x), std::exp(static_cast<long double>(x))), 1e-15) << x;
    ASSERT_LT(relative_error(portable::expm1(x), std::expm1(static_cast<long double>(x))), 1e-15) << x;
    const double tiny = part * 1e-9;
    ASSERT_LT(relative_error(portable::expm1(tiny), std::expm1(static_cast<long double>(tiny))), 1e-15) << tiny;
  }
  EXPECT_EQ(portable::exp(0), 1);
  EXPECT_EQ(portable::exp(-1e9), 0);
  EXPECT_EQ(portable::exp(1e9), std::numeric_limits<double>::infinity());
  EXPECT_EQ(portable::expm1(-1e9), -1);
  EXPECT_EQ(portable::expm1(1e9), std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace paceline::traffic
