// SPDX-License-Identifier: MIT
#include "traffic/pacer.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

/// Time that passes only when somebody reads the clock or sleeps.
struct World {
  SenderTime time{1h};
  nanoseconds reading = 25ns;  // what a look at the clock takes
  std::function<nanoseconds()> oversleep = [] { return 0ns; };
  std::vector<nanoseconds> slept;
  std::uint64_t readings = 0;
};

struct SimulatedClock {
  std::shared_ptr<World> world;

  SenderTime now() const {
    ++world->readings;
    return world->time += world->reading;
  }
  void sleep_until(SenderTime wake) const {
    world->slept.push_back(wake - world->time);
    world->time = std::max(world->time, wake) + world->oversleep();
  }
};

struct Wait {
  explicit Wait(Pacing pacing) : pacer(pacing, stop.get_token(), SimulatedClock{world}) {}

  /// How late a wait for `gap` from now ends.
  nanoseconds lateness(nanoseconds gap) {
    const SenderTime due = world->time + gap;
    const auto now = pacer.wait_until(due);
    EXPECT_TRUE(now.has_value());
    return now.value_or(SenderTime::max()) - due;
  }

  std::shared_ptr<World> world = std::make_shared<World>();
  std::stop_source stop;
  Pacer<SimulatedClock> pacer;
};

TEST(SleepMargin, RisesAtOnceAndFallsSlowly) {
  SleepMargin margin;
  for (int i = 0; i < 20'000; ++i) margin.overslept(20us);
  const nanoseconds calm = margin.value();
  EXPECT_GE(calm, 25us);
  EXPECT_LE(calm, 26'024ns);  // the last 1023 ns are too little to lower it by
  margin.overslept(80us);
  EXPECT_EQ(margin.value(), 100us);
  for (int i = 0; i < 100; ++i) margin.overslept(20us);
  EXPECT_GT(margin.value(), 70us);  // still wary
  for (int i = 0; i < 8000; ++i) margin.overslept(20us);
  EXPECT_LT(margin.value(), 27us);
}

TEST(SleepMargin, StaysWithinItsBounds) {
  SleepMargin margin;
  margin.overslept(10s);
  EXPECT_EQ(margin.value(), SleepMargin::kMost);
  for (int i = 0; i < 100'000; ++i) margin.overslept(0ns);
  EXPECT_GE(margin.value(), SleepMargin::kLeast);
  EXPECT_LT(margin.value(), SleepMargin::kLeast + 1'024ns);
}

TEST(Pacer, BusyNeverSleeps) {
  Wait wait(Pacing::busy);
  EXPECT_LE(wait.lateness(1ms), 25ns);
  EXPECT_TRUE(wait.world->slept.empty());
  EXPECT_GE(wait.world->readings, 39'999U);
}

TEST(Pacer, SleepIsLateByTheOversleep) {
  Wait wait(Pacing::sleep);
  wait.world->oversleep = [] { return 60us; };
  EXPECT_EQ(wait.lateness(1ms), 60us + 25ns);
  EXPECT_EQ(wait.world->slept.size(), 1U);
}

TEST(Pacer, HybridSleepsMostAndIsAsExactAsASpin) {
  Wait wait(Pacing::hybrid);
  wait.world->oversleep = [] { return 60us; };
  for (int i = 0; i < 3000; ++i) ASSERT_LE(wait.lateness(1ms), 25ns);
  nanoseconds slept{0};
  for (const nanoseconds sleep : wait.world->slept) slept += sleep;
  EXPECT_GT(slept, 3000 * 880us);  // the margin is near 75 us
}

TEST(Pacer, HybridLearnsFromOneLongOversleep) {
  Wait wait(Pacing::hybrid);
  for (int i = 0; i < 3000; ++i) wait.lateness(1ms);
  wait.world->oversleep = [] { return 150us; };
  EXPECT_GT(wait.lateness(1ms), 100us);
  for (int i = 0; i < 1000; ++i) ASSERT_LE(wait.lateness(1ms), 25ns);
}

TEST(Pacer, HybridSpinsThroughGapsShorterThanTheMargin) {
  Wait wait(Pacing::hybrid);
  for (int i = 0; i < 100; ++i) ASSERT_LE(wait.lateness(10us), 25ns);
  EXPECT_TRUE(wait.world->slept.empty());
}

TEST(Pacer, ReturnsAtOnceWhenLate) {
  for (const Pacing pacing : {Pacing::sleep, Pacing::hybrid, Pacing::busy}) {
    Wait wait(pacing);
    EXPECT_EQ(wait.lateness(-3ms), 3ms + 25ns);
    EXPECT_TRUE(wait.world->slept.empty());
    EXPECT_EQ(wait.world->readings, 1U);
  }
}

TEST(Pacer, LongWaitsAreSleptInPiecesThatEndOnTime) {
  for (const Pacing pacing : {Pacing::sleep, Pacing::hybrid}) {
    Wait wait(pacing);
    wait.world->oversleep = [] { return 2us; };
    EXPECT_LE(wait.lateness(10s), 3us);
    for (const nanoseconds sleep : wait.world->slept) EXPECT_LE(sleep, Pacer<>::kLongestSleep);
  }
}

TEST(Pacer, AStopEndsALongWait) {
  for (const Pacing pacing : {Pacing::sleep, Pacing::hybrid}) {
    Wait wait(pacing);
    const SenderTime start = wait.world->time;
    wait.world->oversleep = [&] {
      if (wait.world->time - start >= 1s) wait.stop.request_stop();
      return 0ns;
    };
    EXPECT_FALSE(wait.pacer.wait_until(start + 1h).has_value());
    EXPECT_LE(wait.world->time - start, 1s + Pacer<>::kLongestSleep + 2us);
  }
}

TEST(Pacer, AStopIsSeenEvenWhenLate) {
  Wait wait(Pacing::busy);
  wait.stop.request_stop();
  EXPECT_FALSE(wait.pacer.wait_until(wait.world->time - 1s).has_value());
  EXPECT_FALSE(wait.pacer.wait_until(wait.world->time + 1h).has_value());
}

TEST(Pacer, TheRealClockNeverWakesEarly) {
  for (const Pacing pacing : {Pacing::sleep, Pacing::hybrid, Pacing::busy}) {
    Pacer<> pacer(pacing, {});
    for (int i = 0; i < 20; ++i) {
      const SenderTime due = now<SenderClock>() + 500us;
      const auto woke = pacer.wait_until(due);
      ASSERT_TRUE(woke.has_value());
      EXPECT_GE(*woke, due);
      EXPECT_LE(*woke, now<SenderClock>());
    }
  }
}

TEST(PreciseTimers, SetTheSlackAndGiveItBack) {
  const int before = prctl(PR_GET_TIMERSLACK);
  {
    const PreciseTimers precise;
    EXPECT_EQ(prctl(PR_GET_TIMERSLACK), 1);
  }
  EXPECT_EQ(prctl(PR_GET_TIMERSLACK), before);
}

}  // namespace
}  // namespace paceline::traffic
