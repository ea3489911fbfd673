// SPDX-License-Identifier: MIT
#include "traffic/random_bits.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/traffic/goodness.h"

namespace paceline::traffic {
namespace {

constexpr Purpose kPurposes[] = {Purpose::gaps, Purpose::sizes,   Purpose::jitter, Purpose::on,
                                 Purpose::off,  Purpose::payload, Purpose::pilot};

TEST(RandomBits, NoTwoStreamsBeginAlike) {
  std::set<std::uint64_t> first;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    for (const Purpose purpose : kPurposes) first.insert(RandomBits(seed, purpose).next());
  }
  EXPECT_EQ(first.size(), 7000u);
}

TEST(RandomBits, StreamsOfASeedDoNotCorrelate) {
  for (const Purpose purpose : kPurposes) {
    if (purpose == Purpose::gaps) continue;
    RandomBits a(42, Purpose::gaps), b(42, purpose);
    double products = 0;
    for (std::size_t i = 0; i < kDraws; ++i) products += a.around_zero() * b.around_zero();
    // Each product has the variance 1/9.
    EXPECT_LT(std::abs(products), 4 * std::sqrt(kDraws / 9.0));
  }
}

TEST(RandomBits, NumbersAreEvenWithinTheirBounds) {
  RandomBits bits(7, Purpose::gaps);
  std::vector<double> below(kDraws), above(kDraws), around(kDraws);
  for (std::size_t i = 0; i < kDraws; ++i) {
    below[i] = bits.below_one();
    above[i] = bits.above_zero();
    around[i] = bits.around_zero();
    ASSERT_TRUE(below[i] >= 0 && below[i] < 1);
    ASSERT_TRUE(above[i] > 0 && above[i] <= 1);
    ASSERT_TRUE(around[i] > -1 && around[i] < 1 && around[i] != 0);
  }
  const auto even = [](double x) { return x; };
  EXPECT_LT(kolmogorov_smirnov(below, even), kKolmogorov);
  EXPECT_LT(kolmogorov_smirnov(above, even), kKolmogorov);
  EXPECT_LT(kolmogorov_smirnov(around, [](double x) { return (x + 1) / 2; }), kKolmogorov);
}

}  // namespace
}  // namespace paceline::traffic
