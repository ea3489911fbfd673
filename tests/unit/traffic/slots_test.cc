// SPDX-License-Identifier: MIT
#include "traffic/slots.h"

#include <gtest/gtest.h>

#include "tests/unit/traffic/listed_source.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

PacketFlowSpec lasting(nanoseconds duration, double rate = 1000) {
  PacketFlowSpec spec;
  spec.rate_pps = rate;
  spec.duration = duration;
  return spec;
}

std::shared_ptr<PacketSource> listed(std::vector<Slot> slots) {
  return std::make_shared<ListedSource>(std::move(slots));
}

struct Seen {
  std::uint64_t warm_up = 0, packets = 0, bytes = 0;
};

Seen all_of(Slots slots) {
  Seen seen;
  for (; !slots.over(); slots.pop()) {
    if (slots.in_warm_up()) {
      ++seen.warm_up;
      continue;
    }
    ++seen.packets;
    seen.bytes += slots.front().size;
  }
  return seen;
}

TEST(Slots, AConstantRateEndsByWhatComesFirst) {
  PacketFlowSpec spec = lasting(1s);
  spec.omit = 500ms;
  EXPECT_EQ(all_of({spec, nullptr}).warm_up, 500U);
  EXPECT_EQ(all_of({spec, nullptr}).packets, 1000U);
  spec.packets = 7;
  EXPECT_EQ(all_of({spec, nullptr}).warm_up, 500U);
  EXPECT_EQ(all_of({spec, nullptr}).packets, 7U);
  spec.bytes = 5 * 512 + 1;  // the packet that reaches it is the last
  EXPECT_EQ(all_of({spec, nullptr}).packets, 6U);
  spec.bytes = 5 * 512;
  EXPECT_EQ(all_of({spec, nullptr}).packets, 5U);
  spec.bytes = 100 * 512;
  EXPECT_EQ(all_of({spec, nullptr}).packets, 7U);
}

TEST(Slots, ASourceEndsByWhatComesFirst) {
  const auto slots = slots_of(100, 10ms, {100, 200, 300});
  PacketFlowSpec spec = lasting(500ms);
  spec.omit = 30ms;
  EXPECT_EQ(all_of({spec, listed(slots)}).warm_up, 3U);
  EXPECT_EQ(all_of({spec, listed(slots)}).packets, 50U);
  spec.packets = 9;
  EXPECT_EQ(all_of({spec, listed(slots)}).packets, 9U);
  spec.bytes = 1201;
  EXPECT_EQ(all_of({spec, listed(slots)}).packets, 7U);
  EXPECT_EQ(all_of({spec, listed(slots)}).bytes, 1300U);
  spec = lasting(10s);
  EXPECT_EQ(all_of({spec, listed(slots)}).packets, 100U);  // the trace is at its end
  EXPECT_EQ(all_of({spec, listed({})}).packets, 0U);
}

TEST(Slots, WhatIsPassedOverIsCounted) {
  PacketFlowSpec spec = lasting(1s);
  spec.omit = 500ms;
  for (const bool limited : {false, true}) {
    spec.packets = limited ? 400 : 0;
    Slots in_warm_up(spec, nullptr);
    for (int i = 0; i < 200; ++i) in_warm_up.pop();
    EXPECT_EQ(in_warm_up.pass_rest(1), limited ? 400U : 1000U);
    EXPECT_TRUE(in_warm_up.over());
    Slots later(spec, nullptr);
    for (int i = 0; i < 600; ++i) later.pop();
    EXPECT_EQ(later.pass_rest(1), limited ? 300U : 900U);
  }
}

TEST(Slots, ASourceIsPassedOverBitByBit) {
  PacketFlowSpec spec = lasting(500ms);
  spec.omit = 30ms;
  Slots slots(spec, listed(slots_of(100, 10ms, {64})));
  EXPECT_EQ(slots.pass_rest(5), 2U);
  EXPECT_FALSE(slots.over());
  EXPECT_EQ(slots.pass_rest(40), 40U);
  EXPECT_EQ(slots.pass_rest(40), 8U);
  EXPECT_TRUE(slots.over());
  EXPECT_EQ(slots.drawn()->sizes, 54U);  // the one that is due too late was drawn, too
}

TEST(Slots, TheLastGapOutlastsPacketsThatAreDueAtOnce) {
  Slots slots(lasting(1s), listed({{0ms, 64}, {0ms, 64}, {20ms, 64}, {20ms, 64}, {20ms, 64}}));
  EXPECT_GT(slots.last_gap(), PacketFlowSpec::kMaxDuration);
  slots.pop();
  EXPECT_GT(slots.last_gap(), PacketFlowSpec::kMaxDuration);
  slots.pop();
  EXPECT_EQ(slots.last_gap(), 20ms);
  slots.pop();
  EXPECT_EQ(slots.last_gap(), 20ms);
}

}  // namespace
}  // namespace paceline::traffic
