// SPDX-License-Identifier: MIT
#include "decoder/loss_runs.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace paceline::decoder {
namespace {

struct Counted {
  std::uint64_t lost = 0, runs = 0;
  bool operator==(const Counted&) const = default;
};

Counted count(const std::vector<std::uint64_t>& arrivals, std::uint64_t sent, std::uint64_t first = 0) {
  LossRuns losses(first);
  for (const std::uint64_t sequence : arrivals) losses.arrived(sequence);
  losses.finish(sent);
  return {losses.lost(), losses.runs()};
}

TEST(LossRuns, GapsHeadAndTailAreRuns) {
  EXPECT_EQ(count({0, 1, 2, 3}, 4), (Counted{0, 0}));
  EXPECT_EQ(count({0, 3, 4, 6}, 7), (Counted{3, 2}));
  EXPECT_EQ(count({2, 3}, 4), (Counted{2, 1}));
  EXPECT_EQ(count({0, 1}, 5), (Counted{3, 1}));
  EXPECT_EQ(count({}, 5), (Counted{5, 1}));
  EXPECT_EQ(count({}, 0), (Counted{0, 0}));
}

TEST(LossRuns, LateAndDoubleArrivalsAreNoLoss) {
  EXPECT_EQ(count({3, 1, 0, 2}, 4), (Counted{0, 0}));
  EXPECT_EQ(count({0, 0, 4, 4, 2}, 5), (Counted{2, 2}));
}

TEST(LossRuns, AWarmUpIsLeftOut) {
  EXPECT_EQ(count({0, 10, 12}, 14, 10), (Counted{2, 2}));
  EXPECT_EQ(count({3}, 20, 10), (Counted{10, 1}));
}

TEST(LossRuns, AGapLongerThanTheWindowIsOneRunAndCostsNoWalk) {
  constexpr std::uint64_t kFar = std::uint64_t{1} << 62;
  EXPECT_EQ(count({0, kFar}, kFar + 1), (Counted{kFar - 1, 1}));
  EXPECT_EQ(count({0, 2, kFar, kFar + 2}, kFar + 3), (Counted{kFar - 1, 3}));
}

TEST(LossRuns, BeyondTheWindowNothingIsFoundAgain) {
  EXPECT_EQ(count({1, LossRuns::kWindow, 0}, LossRuns::kWindow + 1), (Counted{LossRuns::kWindow - 1, 2}));
  EXPECT_EQ(count({1, LossRuns::kWindow - 1, 0}, LossRuns::kWindow), (Counted{LossRuns::kWindow - 3, 1}));
}

TEST(LossRuns, AgreesWithASetOfAllThatArrived) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::uint64_t> arrivals;
    std::set<std::uint64_t> all;
    constexpr std::uint64_t kSent = 200'000;
    for (std::uint64_t i = 0; i < kSent; ++i) {
      if (random() % 10 == 0) continue;
      arrivals.push_back(i);
      all.insert(i);
      if (random() % 20 == 0)
        std::swap(arrivals.back(),
                  arrivals[arrivals.size() - 1 - random() % std::min<std::size_t>(arrivals.size(), 1000)]);
    }
    Counted expected;
    bool in_run = false;
    for (std::uint64_t i = 0; i < kSent; ++i) {
      const bool lost = all.count(i) == 0;
      expected.lost += lost ? 1 : 0;
      expected.runs += lost && !in_run ? 1 : 0;
      in_run = lost;
    }
    EXPECT_EQ(count(arrivals, kSent), expected);
  }
}

}  // namespace
}  // namespace paceline::decoder
