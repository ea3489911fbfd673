// SPDX-License-Identifier: MIT
#include "traffic/schedule.h"

#include <gtest/gtest.h>

#include "paceline/flow.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSecondsOf72h = 72 * 3600;

TEST(ConstantRate, StartsAtZeroAndKeepsTheGap) {
  ConstantRate schedule(1000);
  EXPECT_EQ(schedule.next(), 0ns);
  EXPECT_EQ(schedule.next(), 1ms);
  EXPECT_EQ(schedule.next(), 2ms);
}

TEST(ConstantRate, RoundsToTheNearestWithoutDrift) {
  ConstantRate schedule(3);
  EXPECT_EQ(schedule.next(), 0ns);
  EXPECT_EQ(schedule.next(), 333'333'333ns);
  EXPECT_EQ(schedule.next(), 666'666'667ns);
  EXPECT_EQ(schedule.next(), 1s);
}

TEST(ConstantRate, NextAgreesWithDueForAwkwardRates) {
  for (const double rate : {0.1, 1.0 / 3, 7.0, 999.999, 29.97, 1e5 / 7, 123'456.789, 44'100.0, 99'999'999.0, 1e8}) {
    ConstantRate schedule(rate);
    for (std::uint64_t slot = 0; slot < 20'000; ++slot) ASSERT_EQ(schedule.next(), schedule.due(slot)) << rate;
  }
}

TEST(ConstantRate, IsExactAfter72Hours) {
  EXPECT_EQ(ConstantRate(1e8).due(kSecondsOf72h * 100'000'000), 72h);
  EXPECT_EQ(ConstantRate(1e8).due(kSecondsOf72h * 100'000'000 - 1), 72h - 10ns);
  EXPECT_EQ(ConstantRate(99'999'999).due(kSecondsOf72h * 99'999'999), 72h);
  EXPECT_EQ(ConstantRate(30).due(kSecondsOf72h * 30), 72h);
  EXPECT_EQ(ConstantRate(0.5).due(kSecondsOf72h / 2), 72h);
}

TEST(ConstantRate, SlotsAreThoseDueBeforeTheEnd) {
  EXPECT_EQ(ConstantRate(1000).slots_before(1s), 1000U);
  EXPECT_EQ(ConstantRate(1000).slots_before(1s + 1ns), 1001U);
  EXPECT_EQ(ConstantRate(1000).slots_before(1ns), 1U);
  EXPECT_EQ(ConstantRate(1000).slots_before(0ns), 0U);
  EXPECT_EQ(ConstantRate(3).slots_before(1s), 3U);
  EXPECT_EQ(ConstantRate(0.1).slots_before(30s), 3U);
  EXPECT_EQ(ConstantRate(1e8).slots_before(72h), kSecondsOf72h * 100'000'000);
}

TEST(ConstantRate, DecimalRatesMeanWhatTheySay) {
  // None of these is a double; over 72 h the nearest double is less than half a nanosecond off.
  EXPECT_EQ(ConstantRate(0.1).slots_before(72h), kSecondsOf72h / 10);
  EXPECT_EQ(ConstantRate(29.97).slots_before(100s), 2997U);
  EXPECT_EQ(ConstantRate(29.97).due(kSecondsOf72h / 100 * 2997), 72h);
  EXPECT_EQ(ConstantRate(123'456.7).due(kSecondsOf72h / 10 * 1'234'567), 72h);
}

TEST(ConstantRate, SlotsAgreeWithDueAtTheEdge) {
  for (const double rate : {0.1, 29.97, 999.999, 1e5 / 7, 123'456.789, 99'999'999.0}) {
    for (const nanoseconds duration : {nanoseconds{1s}, nanoseconds{30s}, 3599s + 1ns, nanoseconds{72h}}) {
      const ConstantRate schedule(rate);
      const std::uint64_t slots = schedule.slots_before(duration);
      EXPECT_LT(schedule.due(slots - 1), duration) << rate;
      EXPECT_GE(schedule.due(slots), duration) << rate;
    }
  }
}

TEST(ConstantRate, TheSlowestRateHasOneSlot) {
  for (const double rate : {1e-7, 1e-9, 1e-30, 5e-324}) {
    ConstantRate schedule(rate);
    EXPECT_EQ(schedule.slots_before(PacketFlowSpec::kMaxDuration), 1U) << rate;
    EXPECT_EQ(schedule.next(), 0ns);
    EXPECT_GT(schedule.next(), nanoseconds{PacketFlowSpec::kMaxDuration}) << rate;
  }
}

}  // namespace
}  // namespace paceline::traffic
