// SPDX-License-Identifier: MIT
#include "traffic/model_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/math/distributions.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "tests/unit/traffic/goodness.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

TrafficModel traffic(const std::string& idt, const std::string& size = "512") {
  TrafficModel model;
  model.idt = parse_model(idt, Quantity::time);
  model.size = parse_model(size, Quantity::bytes);
  return model;
}

Bursts bursts(const std::string& on, const std::string& off) {
  return {parse_model(on, Quantity::time), parse_model(off, Quantity::time)};
}

ModelSource source(const TrafficModel& model, std::uint64_t seed = 1,
                   std::uint32_t largest = PacketFlowSpec::kMaxSize) {
  return {std::make_shared<const ReadyModel>(model, largest), seed};
}

struct Slots {
  std::vector<nanoseconds> dues;
  std::vector<std::uint32_t> sizes;
};

Slots take(PacketSource& from, std::size_t count) {
  Slots slots;
  Slot slot;
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_TRUE(from.next(slot));
    slots.dues.push_back(slot.due);
    slots.sizes.push_back(slot.size);
  }
  return slots;
}

Slots take(const TrafficModel& model, std::size_t count, std::uint64_t seed = 1) {
  ModelSource from = source(model, seed);
  return take(from, count);
}

std::vector<double> gaps(const std::vector<nanoseconds>& dues) {
  std::vector<double> gaps;
  for (std::size_t i = 1; i < dues.size(); ++i)
    gaps.push_back(std::chrono::duration<double>(dues[i] - dues[i - 1]).count());
  return gaps;
}

TEST(ModelSource, TheFirstPacketIsDueAtTheStart) {
  EXPECT_THAT(take(traffic("1ms"), 4).dues, ElementsAre(0ms, 1ms, 2ms, 3ms));
  EXPECT_THAT(take(traffic("1ms", "100"), 2).sizes, ElementsAre(100, 100));
  EXPECT_EQ(take(traffic("exponential:1ms"), 1).dues[0], 0ns);
}

TEST(ModelSource, GapsThatAreNoWholeNanosecondsDoNotDrift) {
  const std::size_t count = 3'000'001;
  ModelSource thirds = source(traffic("discrete:1@3333.3333333333333ns"));
  Slot slot;
  for (std::size_t i = 0; i < count; ++i) thirds.next(slot);
  EXPECT_NEAR(static_cast<double>(slot.due.count()), 1e10, 1);
}

TEST(ModelSource, GapsAndSizesFollowTheirModels) {
  const Slots slots = take(traffic("exponential:1ms", "discrete:0.65@40,0.35@1400"), kDraws + 1);
  const boost::math::exponential_distribution<> exponential(1e3);
  EXPECT_LT(kolmogorov_smirnov(gaps(slots.dues), [&](double x) { return cdf(exponential, x); }), kKolmogorov);
  EXPECT_GT(chi_square({slots.sizes.begin(), slots.sizes.end()}, {{40, 0.65}, {1400, 0.35}}), 0.001);
}

TEST(ModelSource, StreamsAreApart) {
  const TrafficModel plain = traffic("exponential:1ms", "exponential:500");
  const Slots reference = take(plain, 1000);

  TrafficModel other_size = traffic("exponential:1ms", "normal:500,stddev=400");
  EXPECT_EQ(take(other_size, 1000).dues, reference.dues);

  TrafficModel other_gaps = traffic("normal:1ms,stddev=1ms", "exponential:500");
  EXPECT_EQ(take(other_gaps, 1000).sizes, reference.sizes);

  TrafficModel jittered = plain;
  jittered.jitter = parse_model("normal:0s,stddev=1us", Quantity::time);
  EXPECT_EQ(take(jittered, 1000).sizes, reference.sizes);
  EXPECT_NE(take(jittered, 1000).dues, reference.dues);

  TrafficModel burst = plain;
  burst.bursts = bursts("exponential:10ms", "0s");
  EXPECT_EQ(take(burst, 1000).sizes, reference.sizes);
  EXPECT_EQ(take(burst, 1000).dues, reference.dues);
}

TEST(ModelSource, TheSameSeedGivesTheSamePacketsWhateverElseRuns) {
  TrafficModel model = traffic("gamma:shape=0.5,scale=2ms", "normal:500,stddev=100");
  model.jitter = parse_model("uniform:min=-1ms,max=1ms", Quantity::time);
  model.bursts = bursts("exponential:100ms", "weibull:shape=0.7,scale=50ms");
  const Slots alone = take(model, 10'000, 7);
  ModelSource one = source(model, 7), beside = source(model, 8);
  Slot slot, other;
  for (std::size_t i = 0; i < alone.dues.size(); ++i) {
    one.next(slot);
    for (std::size_t j = 0; j < i % 3; ++j) beside.next(other);
    ASSERT_EQ(slot.due, alone.dues[i]);
    ASSERT_EQ(slot.size, alone.sizes[i]);
  }
  EXPECT_NE(take(model, 10'000, 8).dues, alone.dues);
}

TEST(ModelSource, WhatIsOutsideTheBoundsIsDrawnAnewAndCounted) {
  ModelSource negative = source(traffic("normal:1ms,stddev=2ms", "normal:0,stddev=100"), 1, 200);
  const Slots slots = take(negative, kDraws + 1);
  EXPECT_THAT(gaps(slots.dues), testing::Each(testing::Ge(0.0)));
  EXPECT_THAT(slots.sizes, testing::Each(testing::AllOf(testing::Ge(18u), testing::Le(200u))));
  const Drawn drawn = negative.drawn();
  EXPECT_EQ(drawn.gaps, kDraws);
  EXPECT_EQ(drawn.sizes, kDraws + 1);
  const boost::math::normal_distribution<> normal;
  const double below = cdf(normal, -0.5);
  EXPECT_NEAR(static_cast<double>(drawn.gaps_redrawn), kDraws * below / (1 - below), 1000);
  const double fits = cdf(normal, 2.005) - cdf(normal, 0.175);
  EXPECT_NEAR(static_cast<double>(drawn.sizes_redrawn), kDraws * (1 - fits) / fits, 2000);
}

TEST(ModelSource, DrawnMeansAreThoseOfTheSlots) {
  ModelSource from = source(traffic("exponential:1ms", "uniform:min=100,max=320"));
  const Slots slots = take(from, 5000);
  const Drawn drawn = from.drawn();
  EXPECT_NEAR(drawn.mean_gap, std::chrono::duration<double>(slots.dues.back()).count() / 4999, 1e-15);
  double sum = 0;
  for (const std::uint32_t size : slots.sizes) sum += size;
  EXPECT_DOUBLE_EQ(drawn.mean_size, sum / 5000);
}

TEST(ModelSource, JitterMovesAMessageAndNotThoseAfterIt) {
  TrafficModel model = traffic("20ms");
  model.jitter = parse_model("normal:0s,stddev=2ms,min=-4ms,max=4ms", Quantity::time);
  ModelSource from = source(model);
  const Slots slots = take(from, 20'000);
  std::vector<double> off;
  for (std::int64_t i = 1; i < std::ssize(slots.dues); ++i)
    off.push_back(std::chrono::duration<double>(slots.dues[static_cast<std::size_t>(i)] - i * 20ms).count());
  const boost::math::normal_distribution<> normal(0, 2e-3);
  const double outside = 2 * cdf(normal, -4e-3);
  EXPECT_LT(kolmogorov_smirnov(off, [&](double x) { return (cdf(normal, x) - outside / 2) / (1 - outside); }),
            kKolmogorov);
  EXPECT_NEAR(from.drawn().mean_gap, 20e-3, 1e-12);
}

TEST(ModelSource, AnOrderThatJitterWouldTurnAroundIsKeptAndCounted) {
  TrafficModel model = traffic("1ms");
  model.jitter = parse_model("discrete:0.5@0s,0.5@2.5ms", Quantity::time);
  ModelSource from = source(model);
  const Slots slots = take(from, 1000);
  EXPECT_TRUE(std::ranges::is_sorted(slots.dues));
  // By hand: a packet that is due in time follows a late one at most 2 slots ahead.
  std::uint64_t turned = 0;
  nanoseconds latest{0};
  for (std::size_t i = 0; i < slots.dues.size(); ++i) {
    const bool late = slots.dues[i] == i * 1ms + 2500us;
    if (!late && i * 1ms < latest) ++turned;
    EXPECT_EQ(slots.dues[i], late ? i * 1ms + 2500us : std::max(latest, nanoseconds(i * 1ms)));
    latest = std::max(latest, slots.dues[i]);
  }
  EXPECT_GT(turned, 100u);
  EXPECT_EQ(from.drawn().gaps_redrawn, turned);

  // Nothing is due before the start.
  model.jitter = parse_model("-3.5ms", Quantity::time);
  ModelSource early = source(model);
  EXPECT_THAT(take(early, 6).dues, ElementsAre(0ms, 0ms, 0ms, 0ms, 500us, 1500us));
  EXPECT_EQ(early.drawn().gaps_redrawn, 4u);
}

TEST(ModelSource, PacketsAreDueInOnPeriodsOnly) {
  TrafficModel model = traffic("3ms");
  model.bursts = bursts("10ms", "90ms");
  // On time 12 ms is 2 ms into the second on period, which begins at 100 ms.
  EXPECT_THAT(take(model, 9).dues, ElementsAre(0ms, 3ms, 6ms, 9ms, 102ms, 105ms, 108ms, 201ms, 204ms));
  model = traffic("5ms");
  model.bursts = bursts("10ms", "90ms");
  EXPECT_THAT(take(model, 5).dues, ElementsAre(0ms, 5ms, 100ms, 105ms, 200ms));
  // Gaps longer than an on period pass several.
  model = traffic("25ms");
  model.bursts = bursts("10ms", "90ms");
  EXPECT_THAT(take(model, 3).dues, ElementsAre(0ms, 205ms, 500ms));
}

TEST(ModelSource, PeriodsFollowTheirModels) {
  TrafficModel model = traffic("1us", "100");
  model.bursts = bursts("exponential:1ms", "exponential:5ms");
  std::vector<double> off;
  for (const double gap : gaps(take(model, 2'000'000).dues)) {
    if (gap > 1.5e-6) off.push_back(gap - 1e-6);
  }
  // An off period of 500 ns or less does not show; nor do two with an on period between them that no packet hits.
  EXPECT_NEAR(static_cast<double>(off.size()), 2000, 200);
  const auto [mean, variance] = moments(off);
  EXPECT_NEAR(mean, 5e-3, 4 * 5e-3 / std::sqrt(2000));
}

TEST(ModelSource, AGapThatPassesTooManyPeriodsEndsAndIsCounted) {
  TrafficModel model = traffic("discrete:0.5@1ns,0.5@100s");
  model.bursts = bursts("1ns", "1ns");
  ModelSource from = source(model);
  const Slots slots = take(from, 100);
  EXPECT_TRUE(std::ranges::is_sorted(slots.dues));
  EXPECT_GT(from.drawn().gaps_redrawn, 0u);
}

TEST(ModelSource, LargeMessagesAreCutIntoPacketsDueAtOnce) {
  TrafficModel model = traffic("10ms", "2500");
  model.segment = 1000;
  Slots slots = take(model, 5);
  EXPECT_THAT(slots.sizes, ElementsAre(1000, 1000, 500, 1000, 1000));
  EXPECT_THAT(slots.dues, ElementsAre(0ms, 0ms, 0ms, 10ms, 10ms));

  model.overhead = 12;
  EXPECT_THAT(take(model, 4).sizes, ElementsAre(1012, 1012, 512, 1012));

  model = traffic("10ms", "2000");
  model.segment = 1000;
  EXPECT_THAT(take(model, 3).dues, ElementsAre(0ms, 0ms, 10ms));
}

TEST(ModelSource, AShortLastPacketIsFilledUpAndCounted) {
  TrafficModel model = traffic("10ms", "1001");
  model.segment = 1000;
  model.overhead = 4;
  ModelSource from = source(model);
  EXPECT_THAT(take(from, 4).sizes, ElementsAre(1004, 18, 1004, 18));
  EXPECT_EQ(from.drawn().sizes_redrawn, 2u);
  EXPECT_EQ(from.drawn().sizes, 2u);
}

TEST(ModelSource, OverheadCountsForTheLeastSize) {
  TrafficModel model = traffic("1ms", "discrete:0.5@5,0.5@10");
  model.overhead = 12;
  ModelSource from = source(model);
  EXPECT_THAT(take(from, 100).sizes, testing::Each(22));
  EXPECT_GT(from.drawn().sizes_redrawn, 0u);
  model.overhead = 20;
  EXPECT_THAT(take(model, 100).sizes, testing::Each(testing::AnyOf(25, 30)));
}

TEST(ModelSource, TimesBeyondAnyFlowStopThere) {
  ModelSource from = source(traffic("pareto:shape=0.01,scale=1s", "100"));
  const Slots slots = take(from, 1000);
  EXPECT_TRUE(std::ranges::is_sorted(slots.dues));
  EXPECT_EQ(slots.dues.back(), nanoseconds{Elapsed::kFar});
  EXPECT_TRUE(std::isfinite(from.drawn().mean_gap));
}

}  // namespace
}  // namespace paceline::traffic
