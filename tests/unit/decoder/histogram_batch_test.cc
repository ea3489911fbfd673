// SPDX-License-Identifier: MIT
#include "decoder/histogram_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace paceline::decoder {
namespace {

using detail::Vectors;

std::vector<Vectors> vectors_of_this_processor() {
  std::vector<Vectors> all{Vectors::none, Vectors::avx2, Vectors::avx512};
  std::erase_if(all, [](Vectors vectors) { return vectors > detail::widest_vectors(); });
  return all;
}

TEST(HistogramBatch, VectorsOfEachWidthSumUpTheSame) {
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min(), kMost = std::numeric_limits<std::int64_t>::max();
  std::mt19937_64 random(6);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::int64_t> values(random() % (kBatch - 8));
    const std::uint64_t spread = 2 + random() % 62;  // below and beyond what is summed up in 64 bits
    for (auto& value : values) value = static_cast<std::int64_t>(random()) >> spread;
    if (round % 4 == 0) values.insert(values.end(), {0, -1, 1, kLeast, kMost, (1 << 26) - 1, 1 << 26, -(1 << 26)});
    std::ranges::shuffle(values, random);

    BatchSums expected;
    std::vector<std::uint32_t> slots;
    for (const std::int64_t value : values) {
      expected.min = std::min(expected.min, value);
      expected.max = std::max(expected.max, value);
      expected.sum += static_cast<uint128>(int128{value});
      expected.squares += static_cast<uint128>(int128{value} * value);
      slots.push_back(static_cast<std::uint32_t>(buckets::index_of(value) + buckets::kMaxIndex));
    }
    for (const Vectors vectors : vectors_of_this_processor()) {
      std::vector<std::uint32_t> found(values.size());
      const BatchSums sums = detail::sum_up(values, found.data(), vectors);
      EXPECT_EQ(sums.min, expected.min);
      EXPECT_EQ(sums.max, expected.max);
      EXPECT_TRUE(sums.sum == expected.sum && sums.squares == expected.squares);
      EXPECT_EQ(found, slots) << "round " << round << ", vectors " << static_cast<int>(vectors);
    }
  }
}

}  // namespace
}  // namespace paceline::decoder
