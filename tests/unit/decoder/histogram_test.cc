// SPDX-License-Identifier: MIT
#include "decoder/histogram.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <random>

namespace paceline::decoder {
namespace {

// The definition of a Distribution, without any economy.
Distribution reference(const std::vector<std::int64_t>& values) {
  Distribution all;
  std::map<std::int32_t, std::uint64_t> counts;
  for (const std::int64_t value : values) {
    all.min = all.count == 0 ? value : std::min(all.min, value);
    all.max = all.count == 0 ? value : std::max(all.max, value);
    ++all.count;
    all.sum += static_cast<uint128>(int128{value});
    all.sum_squares += static_cast<uint128>(int128{value} * value);
    ++counts[buckets::index_of(value)];
  }
  for (const auto& [index, count] : counts) all.buckets.push_back({index, count});
  return all;
}

void record(Histogram& histogram, const std::vector<std::int64_t>& values) {
  for (const std::int64_t value : values) histogram.record(value);
}

TEST(Histogram, ValuesAtOnceAreTheSameAsOneByOne) {
  std::mt19937_64 random(4);
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min(), kMost = std::numeric_limits<std::int64_t>::max();
  Histogram at_once, added;
  for (int round = 0; round < 60; ++round) {
    std::vector<std::int64_t> values(random() % 2000);
    const std::uint64_t spread = 2 + random() % 62;  // below and beyond what is summed up in 64 bits
    for (auto& value : values) value = static_cast<std::int64_t>(random()) >> spread;
    if (round % 10 == 0) values.insert(values.end(), {0, -1, 1, kLeast, kMost, (1 << 26) - 1, 1 << 26, -(1 << 26)});
    if (round == 7) values.assign(70'000, 5);  // more than a counter holds
    const Distribution expected = reference(values);
    at_once.record(values);
    added.add(expected);
    EXPECT_EQ(at_once.take(), expected) << round;
    EXPECT_EQ(added.take(), expected) << round;
  }
}

// Few values are listed, more are counted: what comes of them is the same on either side, and when several come at
// once.
TEST(Histogram, FewAndManyValuesAreTreatedAlike) {
  std::mt19937_64 random(5);
  Histogram histogram, mixed;
  for (const std::size_t size : {1U, 2U, 254U, 255U, 256U, 257U, 258U, 100U, 600U, 3U}) {
    std::vector<std::int64_t> values(size);
    for (auto& value : values) value = static_cast<std::int64_t>(random() % 5000) - 2500;
    const Distribution expected = reference(values);
    record(histogram, values);
    EXPECT_EQ(histogram.take(), expected) << size;

    const std::size_t single = random() % size;
    for (std::size_t i = 0; i < single; ++i) mixed.record(values[i]);
    mixed.record(values[single], 2);
    mixed.record(std::span(values).subspan(single));
    values.insert(values.end(), 2, values[single]);
    EXPECT_EQ(mixed.take(), reference(values)) << size;
  }
}

TEST(Histogram, ManyOfOneValueAreThatManyValues) {
  std::mt19937_64 random(3);
  Histogram single, many;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 40; ++i) {
      const auto value = static_cast<std::int64_t>(random() >> (random() % 64)) * (random() % 2 == 0 ? 1 : -1);
      const std::uint64_t times = random() % 5 == 0 ? 65535 + random() % 3 : random() % 200;
      many.record(value, times);
      for (std::uint64_t n = 0; n < times; ++n) single.record(value);
      single.record(42);
      many.record(42);
    }
    ASSERT_EQ(many.take(), single.take());
  }
}

TEST(Histogram, NothingIsTheEmptyDistribution) {
  Histogram histogram;
  EXPECT_EQ(histogram.take(), Distribution{});
}

TEST(Histogram, EqualsTheDefinitionWhateverTheValues) {
  std::mt19937_64 random(1);
  Histogram histogram;  // one for all: take() must leave nothing behind
  for (int round = 0; round < 300; ++round) {
    std::vector<std::int64_t> values(random() % 400);
    const auto spread = random() % 63;
    for (auto& value : values) value = static_cast<std::int64_t>(random()) >> (spread + random() % (64 - spread));
    record(histogram, values);
    ASSERT_EQ(histogram.take(), reference(values));
  }
}

TEST(Histogram, TheWholeRange) {
  const std::vector<std::int64_t> values{std::numeric_limits<std::int64_t>::min(), -1, 0, 1,
                                         std::numeric_limits<std::int64_t>::max()};
  Histogram histogram;
  record(histogram, values);
  EXPECT_EQ(histogram.take(), reference(values));
}

TEST(Histogram, ABucketCountsBeyondItsCounter) {
  Histogram histogram;
  for (const std::uint64_t count : {65535ull, 65536ull, 65537ull, 131072ull, 200001ull}) {
    for (std::uint64_t i = 0; i < count; ++i) {
      histogram.record(77);
      if (i % 2 == 0) histogram.record(-5000);
    }
    const Distribution taken = histogram.take();
    ASSERT_EQ(taken.buckets.size(), 2u);
    EXPECT_EQ(taken.buckets[0].count, (count + 1) / 2);
    EXPECT_EQ(taken.buckets[1].count, count);
    EXPECT_EQ(taken.count, count + (count + 1) / 2);
  }
}

TEST(Histogram, IntervalsMergeToTheWhole) {
  std::mt19937_64 random(2);
  std::vector<std::int64_t> all;
  Histogram histogram;
  Distribution merged;
  for (int interval = 0; interval < 50; ++interval) {
    std::vector<std::int64_t> values(random() % 100);
    for (auto& value : values) value = static_cast<std::int64_t>(random() % 100'000) - 1000;
    record(histogram, values);
    merged.merge(histogram.take());
    all.insert(all.end(), values.begin(), values.end());
  }
  EXPECT_EQ(merged, reference(all));
}

}  // namespace
}  // namespace paceline::decoder
