// SPDX-License-Identifier: MIT
#include "paceline/distribution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace paceline {
namespace {

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

Distribution of(const std::vector<std::int64_t>& values) {
  Distribution all;
  for (const std::int64_t value : values) {
    Distribution one;
    one.count = 1;
    one.sum = static_cast<uint128>(int128{value});
    one.sum_squares = static_cast<uint128>(int128{value} * value);
    one.min = one.max = value;
    one.buckets = {{buckets::index_of(value), 1}};
    all.merge(one);
  }
  return all;
}

TEST(Buckets, SmallValuesAreExact) {
  for (std::int64_t value = -2047; value <= 2047; ++value) {
    EXPECT_EQ(buckets::index_of(value), value);
    EXPECT_EQ(buckets::value_at(static_cast<std::int32_t>(value)), value);
  }
}

TEST(Buckets, IndicesAscendWithoutAHole) {
  for (std::int32_t index = 0; index < buckets::kMaxIndex; ++index) {
    const std::uint64_t largest = buckets::largest_magnitude(index);
    ASSERT_EQ(buckets::index_of_magnitude(largest), index);
    ASSERT_EQ(buckets::index_of_magnitude(largest + 1), index + 1);
  }
  EXPECT_EQ(buckets::index_of_magnitude(~std::uint64_t{0}), buckets::kMaxIndex);
}

TEST(Buckets, AreAtMostOneIn1024Wide) {
  for (std::int32_t index = 1; index <= buckets::kMaxIndex; ++index) {
    const std::uint64_t largest = buckets::largest_magnitude(index);
    const std::uint64_t smallest = buckets::largest_magnitude(index - 1) + 1;
    ASSERT_LE(largest - smallest, smallest / 1024) << index;
  }
}

TEST(Buckets, NegativeValuesMirrorPositiveOnes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10000; ++i) {
    const auto value = static_cast<std::int64_t>(random() >> (1 + random() % 62));
    EXPECT_EQ(buckets::index_of(-value), -buckets::index_of(value));
  }
}

TEST(Buckets, TheWholeRangeHasOne) {
  EXPECT_GE(buckets::index_of(kLeast), -buckets::kMaxIndex);
  EXPECT_LE(buckets::index_of(kMost), buckets::kMaxIndex);
  EXPECT_EQ(buckets::value_at(buckets::index_of(kMost)), kMost);
}

TEST(Distribution, NothingIsZeroNotNan) {
  const Distribution nothing;
  EXPECT_EQ(nothing.mean(), 0);
  EXPECT_EQ(nothing.stddev(), 0);
  EXPECT_EQ(nothing.quantile(0.5), 0);
  EXPECT_EQ(nothing.negative(), 0u);
}

TEST(Distribution, OneValueHasNoDeviation) {
  const Distribution one = of({-1234567});
  EXPECT_EQ(one.mean(), -1234567);
  EXPECT_EQ(one.stddev(), 0);
  EXPECT_EQ(one.quantile(0), -1234567);
  EXPECT_EQ(one.quantile(1), -1234567);
  EXPECT_EQ(one.negative(), 1u);
}

TEST(Distribution, KnownValues) {
  const Distribution values = of({2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_DOUBLE_EQ(values.mean(), 5);
  EXPECT_DOUBLE_EQ(values.stddev(), std::sqrt(32.0 / 7));
  EXPECT_EQ(values.quantile(0.5), 4);
  EXPECT_EQ(values.quantile(0.51), 5);
  EXPECT_EQ(values.quantile(0.99), 9);
}

TEST(Distribution, QuantilesAreByNearestRank) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 1; i <= 1000; ++i) values.push_back(i);
  const Distribution all = of(values);
  EXPECT_EQ(all.quantile(0), 1);
  EXPECT_EQ(all.quantile(0.5), 500);
  EXPECT_EQ(all.quantile(0.9), 900);
  EXPECT_EQ(all.quantile(0.99), 990);
  EXPECT_EQ(all.quantile(0.999), 999);
  EXPECT_EQ(all.quantile(1), 1000);
}

TEST(Distribution, QuantilesAreNeverBeyondTheExtremes) {
  const Distribution values = of({1'000'001, 1'000'002, -5'000'003});
  EXPECT_EQ(values.quantile(0), -5'000'003);
  EXPECT_EQ(values.quantile(1), 1'000'002);
}

TEST(Distribution, AHugeCommonOffsetLeavesTheDeviation) {
  for (const std::int64_t offset : {std::int64_t{0}, std::int64_t{1'000'000'000'000}, -4'000'000'000'000'000'000}) {
    std::vector<std::int64_t> values;
    for (std::int64_t i = 0; i < 1000; ++i) values.push_back(offset + i % 10);
    EXPECT_NEAR(of(values).stddev(), std::sqrt(8.25 * 1000 / 999), 1e-12) << offset;
    EXPECT_DOUBLE_EQ(of(values).mean(), static_cast<double>(offset) + 4.5) << offset;
  }
}

TEST(Distribution, ExtremesOfTheRangeDoNotOverflow) {
  const Distribution values = of({kLeast, kMost, kLeast, kMost});
  EXPECT_DOUBLE_EQ(values.mean(), -0.5);
  EXPECT_NEAR(values.stddev() / 1.0650232656628343e19, 1, 1e-12);
  EXPECT_EQ(values.quantile(0.5), kLeast);
  EXPECT_EQ(values.quantile(1), kMost);
}

TEST(Distribution, MergeIsAssociativeAndCommutative) {
  std::mt19937_64 random(7);
  const auto some = [&] {
    std::vector<std::int64_t> values(random() % 50);
    for (auto& value : values) value = static_cast<std::int64_t>(random()) >> (random() % 60);
    return of(values);
  };
  for (int i = 0; i < 200; ++i) {
    const Distribution a = some(), b = some(), c = some();
    Distribution left = a, bc = b, right = a, swapped = c;
    left.merge(b);
    left.merge(c);
    bc.merge(c);
    right.merge(bc);
    swapped.merge(b);
    swapped.merge(a);
    ASSERT_EQ(left, right);
    ASSERT_EQ(left, swapped);
  }
}

TEST(Distribution, MergeWithNothingChangesNothing) {
  const Distribution some = of({1, -2, 3000000});
  Distribution merged = some;
  merged.merge({});
  EXPECT_EQ(merged, some);
  Distribution nothing;
  nothing.merge(some);
  EXPECT_EQ(nothing, some);
}

TEST(Distribution, MergeWithItselfDoubles) {
  Distribution values = of({5, -7, 5});
  values.merge(values);
  EXPECT_EQ(values, of({5, -7, 5, 5, -7, 5}));
}

}  // namespace
}  // namespace paceline
