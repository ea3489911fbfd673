// SPDX-License-Identifier: MIT
#include "traffic/wall_clock.h"

#include <gtest/gtest.h>

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

constexpr WallClockSteps::Clock::time_point kBegin{1h};
constexpr nanoseconds kOffset = 1'800'000'000s;

TEST(WallClockSteps, AreFoundInBothDirectionsAndOnce) {
  WallClockSteps steps(kOffset, kBegin);
  EXPECT_EQ(steps.look(kOffset + 3600s, kBegin + 1s), nanoseconds(3600s));
  EXPECT_EQ(steps.look(kOffset + 3600s, kBegin + 2s), std::nullopt);
  EXPECT_EQ(steps.look(kOffset + 3599s, kBegin + 3s), nanoseconds(-1s));
  EXPECT_EQ(steps.look(kOffset + 3599s + 20ms, kBegin + 4s), nanoseconds(20ms));
}

TEST(WallClockSteps, SlewingIsNone) {
  WallClockSteps steps(kOffset, kBegin);
  EXPECT_EQ(steps.look(kOffset + 500us, kBegin + 1s), std::nullopt);
  EXPECT_EQ(steps.look(kOffset + 500us - 1800ms, kBegin + 1s + 1h), std::nullopt);
  EXPECT_EQ(steps.look(kOffset, kBegin + 2s + 1h), nanoseconds(1800ms - 500us));
}

}  // namespace
}  // namespace paceline::traffic
