// SPDX-License-Identifier: MIT
#include "traffic/trace_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "traffic/elapsed.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

std::shared_ptr<const Trace> trace(std::vector<Trace::Packet> packets, std::int64_t period = 0) {
  auto trace = std::make_shared<Trace>();
  trace->packets = std::move(packets);
  for (const Trace::Packet& packet : trace->packets) trace->end = std::max(trace->end, packet.at);
  trace->period = period;
  return trace;
}

struct Played {
  std::vector<nanoseconds> dues;
  std::vector<std::uint32_t> sizes;
};

Played play(TraceSource& source, std::size_t most = 100) {
  Played played;
  Slot slot;
  while (played.dues.size() < most && source.next(slot)) {
    played.dues.push_back(slot.due);
    played.sizes.push_back(slot.size);
  }
  return played;
}

TEST(TraceSource, PlaysOnceAndEnds) {
  TraceSource source(trace({{0, 100}, {3'000'000, 200}, {5'000'000, 300}}), {}, 1000);
  const Played played = play(source);
  EXPECT_THAT(played.dues, ElementsAre(0ms, 3ms, 5ms));
  EXPECT_THAT(played.sizes, ElementsAre(100, 200, 300));
  Slot slot;
  EXPECT_FALSE(source.next(slot));
  const Drawn drawn = source.drawn();
  EXPECT_EQ(drawn.gaps, 2u);
  EXPECT_EQ(drawn.sizes, 3u);
  EXPECT_EQ(drawn.gaps_redrawn + drawn.sizes_redrawn, 0u);
  EXPECT_DOUBLE_EQ(drawn.mean_gap, 2.5e-3);
  EXPECT_DOUBLE_EQ(drawn.mean_size, 200);
}

TEST(TraceSource, TimesAndSizesAreScaled) {
  TraceSource source(trace({{0, 100}, {3'000'000, 201}}), {.file = "", .speed = 3, .size_factor = 0.5}, 1000);
  const Played played = play(source);
  EXPECT_THAT(played.dues, ElementsAre(0ms, 1ms));
  EXPECT_THAT(played.sizes, ElementsAre(50, 101));
}

TEST(TraceSource, WhatDoesNotFitIsCutOrFilledUpAndCounted) {
  TraceSource source(trace({{0, 0}, {0, 17}, {0, 18}, {0, 1000}, {0, 1001}}), {}, 1000);
  EXPECT_THAT(play(source).sizes, ElementsAre(18, 18, 18, 1000, 1000));
  EXPECT_EQ(source.drawn().sizes_redrawn, 3u);
}

TEST(TraceSource, RepeatsWithoutDrift) {
  TraceSource source(trace({{0, 100}, {10, 100}}, 25), {.file = "", .speed = 3, .repeat = true}, 1000);
  EXPECT_THAT(play(source, 6).dues, ElementsAre(0ns, 3ns, 8ns, 12ns, 17ns, 20ns));
  const std::vector<nanoseconds> dues = play(source, 300'000).dues;
  EXPECT_EQ(dues.back(), nanoseconds((150'002 * std::int64_t{25} + 10 + 1) / 3));
}

TEST(TraceSource, PacketsOutOfOrderFollowAtOnceAndAreCounted) {
  TraceSource source(trace({{0, 100}, {20, 100}, {10, 100}, {-5, 100}, {30, 100}}), {}, 1000);
  EXPECT_THAT(play(source).dues, ElementsAre(0ns, 20ns, 20ns, 20ns, 30ns));
  EXPECT_EQ(source.drawn().gaps_redrawn, 2u);
}

TEST(TraceSource, SourcesOfOneTraceAreIndependent) {
  const auto shared = trace({{0, 100}, {10, 200}});
  TraceSource one(shared, {}, 1000), other(shared, {}, 1000);
  play(one);
  EXPECT_THAT(play(other).sizes, ElementsAre(100, 200));
}

TEST(TraceSource, TimesBeyondAnyFlowStopThere) {
  TraceSource slow(trace({{0, 100}, {1'000'000'000, 100}}, 2'000'000'000), {.file = "", .speed = 1e-12, .repeat = true},
                   1000);
  EXPECT_EQ(play(slow, 3).dues.back(), nanoseconds{Elapsed::kFar});
  TraceSource endless(trace({{0, 100}}, Elapsed::kFar / 2 + 1), {.file = "", .repeat = true}, 1000);
  EXPECT_EQ(play(endless).dues.size(), 2u);
}

}  // namespace
}  // namespace paceline::traffic
