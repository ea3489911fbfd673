// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "paceline/campaign.h"

namespace paceline {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

CampaignSpec campaign(CampaignOrder order, std::size_t cells, std::uint32_t repetitions, std::uint64_t seed = 1) {
  CampaignSpec spec;
  spec.cells.resize(cells);
  spec.repetitions = repetitions;
  spec.order = order;
  spec.seed = seed;
  return spec;
}

TEST(CampaignOrder, InterleavedIsEveryScenarioOnceThenAgain) {
  EXPECT_THAT(steps_of(campaign(CampaignOrder::interleaved, 2, 2)),
              ElementsAre(CampaignStep{0, 1}, CampaignStep{1, 1}, CampaignStep{0, 2}, CampaignStep{1, 2}));
}

TEST(CampaignOrder, SequentialIsAllOfAScenarioThenTheNext) {
  EXPECT_THAT(steps_of(campaign(CampaignOrder::sequential, 2, 2)),
              ElementsAre(CampaignStep{0, 1}, CampaignStep{0, 2}, CampaignStep{1, 1}, CampaignStep{1, 2}));
}

TEST(CampaignOrder, RandomHasEveryScenarioOnceARoundAndFollowsFromTheSeed) {
  const auto steps = steps_of(campaign(CampaignOrder::random, 20, 3));
  ASSERT_EQ(steps.size(), 60u);
  for (std::uint32_t round = 0; round < 3; ++round) {
    std::vector<std::size_t> cells;
    for (std::size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(steps[round * 20 + i].repetition, round + 1);
      cells.push_back(steps[round * 20 + i].cell);
    }
    EXPECT_FALSE(std::ranges::is_sorted(cells));
    std::ranges::sort(cells);
    for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(cells[i], i);
  }
  EXPECT_EQ(steps, steps_of(campaign(CampaignOrder::random, 20, 3)));
  EXPECT_NE(steps, steps_of(campaign(CampaignOrder::random, 20, 3, 2)));
}

TEST(CampaignOrder, ARunTakesAsLongAsItsLongestFlow) {
  RunSpec run;
  PacketFlowSpec first, second;
  first.duration = 3s;
  second.delay = 1s;
  second.omit = 2s;
  second.duration = 1s;
  run.flows = {first, second};
  EXPECT_EQ(time_of(run), 4s);
}

}  // namespace
}  // namespace paceline
