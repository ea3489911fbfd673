// SPDX-License-Identifier: MIT
#include "traffic/clock_exchange.h"

#include <gtest/gtest.h>
#include <time.h>

#include <limits>
#include <random>

#include "traffic/clock_source.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

/// Two clocks `offset` apart and a path between them.
struct Path {
  nanoseconds offset{0};  // receiver less sender
  SenderTime now{5h};

  ClockSample round_trip(nanoseconds there, nanoseconds turnaround, nanoseconds back) {
    ClockSample sample;
    sample.sent = now;
    sample.received = ReceiverTime{now.time_since_epoch() + there + offset};
    sample.replied = sample.received + turnaround;
    sample.answered = now + there + turnaround + back;
    now = sample.answered + 1ms;
    return sample;
  }
};

ClockExchange exchange_of(Path path, nanoseconds there, nanoseconds back, int count = 8) {
  ClockExchange exchange;
  for (int i = 0; i < count; ++i) EXPECT_TRUE(exchange.add(path.round_trip(there, 20us, back)));
  return exchange;
}

TEST(ClockExchange, KnowsNothingWithoutSamples) {
  const ClockExchange none;
  EXPECT_EQ(none.count(), 0u);
  EXPECT_EQ(none.offset(), 0ns);
  EXPECT_EQ(judge(none, true, std::nullopt).verdict, ClockVerdict::unknown);
}

TEST(ClockExchange, ASymmetricPathGivesTheOffsetExactly) {
  for (const nanoseconds offset : {0ns, 1ns, -1ns, nanoseconds{1000s}, nanoseconds{-1000s}}) {
    const ClockExchange exchange = exchange_of({offset}, 3ms, 3ms);
    EXPECT_EQ(exchange.offset(), offset);
    EXPECT_EQ(exchange.min_round_trip(), 6ms);
    EXPECT_EQ(exchange.error_bound(), 3ms);
  }
}

TEST(ClockExchange, TheTurnaroundIsNoPartOfTheRoundTrip) {
  Path path{1000s};
  ClockExchange exchange;
  ASSERT_TRUE(exchange.add(path.round_trip(1ms, 700ms, 1ms)));
  EXPECT_EQ(exchange.min_round_trip(), 2ms);
  EXPECT_EQ(exchange.offset(), nanoseconds{1000s});
}

TEST(ClockExchange, TheTrueOffsetLiesWithinTheBoundWhateverTheAsymmetry) {
  std::mt19937_64 random(20250301);
  const auto up_to = [&](std::int64_t most) {
    return nanoseconds{std::uniform_int_distribution<std::int64_t>(0, most)(random)};
  };
  for (int round = 0; round < 2000; ++round) {
    Path path{up_to(4'000'000'000'000) - 2000s};
    ClockExchange exchange;
    for (int i = 0; i < 10; ++i)
      ASSERT_TRUE(exchange.add(path.round_trip(up_to(50'000'000), up_to(1'000'000), up_to(1000))));
    ASSERT_LE(std::chrono::abs(exchange.offset() - path.offset), exchange.error_bound());
  }
}

TEST(ClockExchange, TheFastestRoundTripCounts) {
  Path path{1000s};
  ClockExchange exchange;
  exchange.add(path.round_trip(40ms, 20us, 1ms));
  exchange.add(path.round_trip(1ms, 20us, 1ms));  // nothing to wait for
  exchange.add(path.round_trip(1ms, 20us, 90ms));
  EXPECT_EQ(exchange.count(), 3u);
  EXPECT_EQ(exchange.offset(), nanoseconds{1000s});
  EXPECT_EQ(exchange.error_bound(), 1ms);
}

TEST(ClockExchange, RefusesATimeThatRunsBackwards) {
  Path path{1000s};
  const ClockSample good = path.round_trip(1ms, 20us, 1ms);
  ClockExchange exchange;
  ClockSample answered_before_sent = good;
  answered_before_sent.answered = good.sent - 1ns;
  ClockSample replied_before_received = good;
  replied_before_received.replied = good.received - 1ns;
  ClockSample longer_there_than_away = good;  // a turnaround above the whole round trip
  longer_there_than_away.replied = good.received + 1s;
  for (const ClockSample& sample : {answered_before_sent, replied_before_received, longer_there_than_away})
    EXPECT_FALSE(exchange.add(sample));
  EXPECT_EQ(exchange.count(), 0u);
  EXPECT_TRUE(exchange.add(good));
}

TEST(ClockExchange, RefusesTimesThatNoClockShows) {
  constexpr auto kLowest = std::numeric_limits<std::int64_t>::min();
  constexpr auto kHighest = std::numeric_limits<std::int64_t>::max();
  const ReceiverTime low{nanoseconds{kLowest}}, high{nanoseconds{kHighest}};
  ClockExchange exchange;
  EXPECT_FALSE(exchange.add({SenderTime{1h}, low, high, SenderTime{1h + 1ms}}));
  EXPECT_FALSE(exchange.add({SenderTime{1h}, high, high, SenderTime{1h + 1ms}}));
  EXPECT_FALSE(exchange.add({SenderTime{1h}, low, low, SenderTime{1h + 1ms}}));
  EXPECT_EQ(exchange.count(), 0u);
}

TEST(Judge, OneKernelIsBelievedWhenTheExchangeAgrees) {
  const ClockResult agreed = judge(exchange_of({0ns}, 30us, 10us), true, std::nullopt);
  EXPECT_EQ(agreed.verdict, ClockVerdict::same_host);
  EXPECT_EQ(agreed.offset, 0ns);
  EXPECT_EQ(agreed.error_bound, 0ns);
  EXPECT_EQ(agreed.exchanges_before, 8u);
  EXPECT_EQ(agreed.min_round_trip, 40us);

  const ClockResult contradicted = judge(exchange_of({1000s}, 30us, 10us), true, std::nullopt);
  EXPECT_EQ(contradicted.verdict, ClockVerdict::estimated);
  EXPECT_EQ(contradicted.offset, nanoseconds{1000s} + 10us);
}

TEST(Judge, TwoHostsAreEstimatedWithinTheBound) {
  const ClockResult result = judge(exchange_of({1000s}, 5ms, 1ms), false, std::nullopt);
  EXPECT_EQ(result.verdict, ClockVerdict::estimated);
  EXPECT_EQ(result.error_bound, 3ms);
  EXPECT_LE(std::chrono::abs(result.offset - 1000s), result.error_bound);
}

TEST(Judge, TheUsersWordIsTakenAndWhatTheExchangeMakesOfItIsTold) {
  const ClockResult right = judge(exchange_of({1000s}, 1ms, 1ms), false, nanoseconds{1000s});
  EXPECT_EQ(right.verdict, ClockVerdict::synchronized);
  EXPECT_EQ(right.offset, nanoseconds{1000s});
  EXPECT_EQ(right.error_bound, 1ms);

  const ClockResult wrong = judge(exchange_of({1000s}, 1ms, 1ms), false, nanoseconds{1001s});
  EXPECT_EQ(wrong.offset, nanoseconds{1001s});
  EXPECT_EQ(wrong.error_bound, 1s + 1ms);
}

TEST(Widen, CoversTheDriftAndKeepsTheMap) {
  const ClockExchange first = exchange_of({1000s}, 1ms, 1ms);
  const ClockResult before = judge(first, false, std::nullopt);
  const ClockExchange after = exchange_of({1000s + 5ms}, 500us, 500us);
  const ClockResult result = widen(before, first, after);
  EXPECT_EQ(result.verdict, ClockVerdict::estimated);
  EXPECT_EQ(result.offset, before.offset);  // frozen: histograms were filled with it
  EXPECT_EQ(result.drift, 5ms);
  EXPECT_EQ(result.error_bound, 5ms + 500us);
  EXPECT_EQ(result.exchanges_after, 8u);
  EXPECT_EQ(result.min_round_trip, 1ms);
}

TEST(Widen, NeverNarrows) {
  const ClockExchange first = exchange_of({1000s}, 4ms, 0ns);
  const ClockResult before = judge(first, false, std::nullopt);
  EXPECT_EQ(widen(before, first, exchange_of({1000s + 2ms}, 1us, 1us)).error_bound, before.error_bound);
  EXPECT_EQ(widen(before, first, ClockExchange()), before);
}

TEST(Widen, OneClockHasNoErrorToWiden) {
  const ClockExchange first = exchange_of({0ns}, 30us, 10us);
  const ClockResult result = widen(judge(first, true, std::nullopt), first, exchange_of({0ns}, 90us, 10us));
  EXPECT_EQ(result.verdict, ClockVerdict::same_host);
  EXPECT_EQ(result.error_bound, 0ns);
}

TEST(ClockIdentity, NeedsTheSameBootAndTimeNamespace) {
  const ClockIdentity mine{"boot-a", 7, 0ns};
  EXPECT_TRUE(mine.same_clock({"boot-a", 7, 0ns}));
  EXPECT_FALSE(mine.same_clock({"boot-b", 7, 0ns}));
  EXPECT_FALSE(mine.same_clock({"boot-a", 8, 0ns}));
  EXPECT_FALSE(ClockIdentity().same_clock(ClockIdentity()));  // neither could read it
}

TEST(ClockIdentity, IsReadFromThisMachine) {
  const ClockIdentity identity = read_clock_identity();
  EXPECT_EQ(identity.boot_id.size(), 36u);
  EXPECT_TRUE(identity.same_clock(read_clock_identity()));
}

TEST(RealtimeOffset, MapsMonotonicToWallClock) {
  const nanoseconds mapped = now<SenderClock>().time_since_epoch() + realtime_offset();
  const nanoseconds wall = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_LT(std::chrono::abs(mapped - wall), 5s);
}

}  // namespace
}  // namespace paceline::traffic
