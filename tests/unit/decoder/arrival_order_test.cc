// SPDX-License-Identifier: MIT
#include "decoder/arrival_order.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace paceline::decoder {
namespace {

using Kind = ArrivalOrder::Kind;

PacketFlowSpec at_rate(double pps, std::chrono::seconds duration = std::chrono::seconds(3600)) {
  PacketFlowSpec spec;
  spec.rate_pps = pps;
  spec.duration = duration;
  return spec;
}

TEST(ArrivalOrder, TheWindowHoldsFourSeconds) {
  EXPECT_EQ(ArrivalOrder(at_rate(0.1)).window(), 1024u);
  EXPECT_EQ(ArrivalOrder(at_rate(256)).window(), 1024u);
  EXPECT_EQ(ArrivalOrder(at_rate(257)).window(), 2048u);
  EXPECT_EQ(ArrivalOrder(at_rate(1000)).window(), 4096u);
  EXPECT_EQ(ArrivalOrder(at_rate(1e8)).window(), 1u << 20);
  EXPECT_EQ(ArrivalOrder(at_rate(0)).window(), 1u << 20) << "as fast as can be";
}

TEST(ArrivalOrder, EqualsASetOfAllNumbers) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20; ++round) {
    ArrivalOrder order(at_rate(10));
    std::set<std::uint64_t> seen;
    std::uint64_t next = 0;
    for (int i = 0; i < 5000; ++i) {
      const std::uint64_t jump = random() % 100 == 0 ? random() % 3000 : random() % 3;
      const std::uint64_t sequence = random() % 4 == 0 ? next - std::min(next, random() % 1500) : next + jump;
      Kind expected = Kind::in_order;
      if (sequence >= 36000 + 64)
        expected = Kind::impossible;
      else if (sequence + 1024 < next)
        expected = Kind::beyond_window;
      else if (seen.contains(sequence))
        expected = Kind::duplicate;
      else if (sequence < next)
        expected = Kind::reordered;
      ASSERT_EQ(order.arrive(sequence), expected) << sequence << " next " << next;
      if (expected == Kind::in_order) next = sequence + 1;
      if (expected == Kind::in_order || expected == Kind::reordered) seen.insert(sequence);
      ASSERT_EQ(order.next_expected(), next);
    }
  }
}

TEST(ArrivalOrder, ARunIsJudgedAsItsNumbersAre) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 50; ++round) {
    ArrivalOrder by_run(at_rate(10)), one_by_one(at_rate(10));
    for (int i = 0; i < 1000; ++i) {
      const std::uint64_t next = one_by_one.next_expected();
      const std::uint64_t jump = random() % 50 == 0 ? random() % 3000 : random() % 3;
      const std::uint64_t begin = random() % 4 == 0 ? next - std::min(next, random() % 1500) : next + jump;
      const std::size_t number = random() % 50 == 0 ? random() % 5000 : random() % 130;
      const std::size_t in_order = by_run.arrive_run(begin, number);
      ASSERT_LE(in_order, number);
      for (std::size_t n = 0; n < number; ++n) {
        const Kind kind = one_by_one.arrive(begin + n);
        if (n < in_order) {
          ASSERT_EQ(kind, Kind::in_order);
        } else {
          ASSERT_EQ(by_run.arrive(begin + n), kind) << begin << " + " << n;
          ASSERT_TRUE(in_order == 0 || kind == Kind::impossible);
        }
      }
      ASSERT_EQ(by_run.next_expected(), one_by_one.next_expected());
    }
  }
}

TEST(ArrivalOrder, KeptTransitTimesAreVariationsOfNothing) {
  ArrivalOrder kept(at_rate(10)), varied(at_rate(10));
  for (const std::int64_t transit : {1'000'000, 5'000'000, 5'000'001, 4'000'000}) {
    for (const std::uint64_t more : {0u, 1u, 50u, 1000u}) {
      const std::uint64_t sequence = varied.checkpoint().any ? varied.checkpoint().previous_sequence + 1 : 0;
      kept.vary(sequence, transit);
      kept.keep_transit(more);
      for (std::uint64_t i = 0; i <= more; ++i) {
        const auto variation = varied.vary(sequence + i, transit);
        if (i > 0) {
          EXPECT_TRUE(variation.known && variation.adjacent && variation.change == 0);
        }
      }
      EXPECT_EQ(kept.checkpoint().previous_sequence, varied.checkpoint().previous_sequence);
      EXPECT_EQ(kept.checkpoint().previous_transit, varied.checkpoint().previous_transit);
      EXPECT_EQ(kept.checkpoint().scaled_jitter, varied.checkpoint().scaled_jitter);
    }
  }
}

TEST(ArrivalOrder, WhatTheFlowCannotHaveSentIsImpossible) {
  ArrivalOrder order(at_rate(1000, std::chrono::seconds(10)));
  EXPECT_EQ(order.arrive(~std::uint64_t{0}), Kind::impossible);
  EXPECT_EQ(order.arrive(11000), Kind::impossible);
  EXPECT_EQ(order.next_expected(), 0u);
  EXPECT_EQ(order.arrive(9999), Kind::in_order);
}

TEST(ArrivalOrder, JitterIsRfc3550s) {
  ArrivalOrder order(at_rate(1000));
  EXPECT_FALSE(order.vary(0, 5000).known);
  std::uint64_t scaled = 0;  // RFC 3550 appendix A.8, the integer form
  std::int64_t previous = 5000;
  std::mt19937 random(1);
  for (std::uint64_t i = 1; i < 1000; ++i) {
    const std::int64_t transit = 5000 + static_cast<std::int64_t>(random() % 100'000);
    const std::int64_t d = std::abs(transit - previous);
    scaled += static_cast<std::uint64_t>(d) - ((scaled + 8) >> 4);
    const auto variation = order.vary(i, transit);
    EXPECT_TRUE(variation.known);
    EXPECT_TRUE(variation.adjacent);
    EXPECT_EQ(variation.change, transit - previous);
    EXPECT_EQ(order.smoothed_jitter().count(), static_cast<std::int64_t>(scaled >> 4));
    previous = transit;
  }
}

TEST(ArrivalOrder, OnlyNeighboursAreAdjacent) {
  ArrivalOrder order(at_rate(1000));
  order.vary(3, 0);
  EXPECT_TRUE(order.vary(4, 0).adjacent);
  EXPECT_FALSE(order.vary(6, 0).adjacent);
  EXPECT_FALSE(order.vary(5, 0).adjacent);
  EXPECT_TRUE(order.vary(6, 0).adjacent);
}

TEST(ArrivalOrder, AbsurdTransitTimesAreDefined) {
  ArrivalOrder order(at_rate(1000));
  for (std::uint64_t i = 0; i < 1000; ++i) {
    order.vary(i, i % 2 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min());
    EXPECT_GE(order.smoothed_jitter().count(), 0);
  }
}

}  // namespace
}  // namespace paceline::decoder
