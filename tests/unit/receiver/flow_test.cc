// SPDX-License-Identifier: MIT
//
// A flow's packets from its start to its summary; flow_path_test.cc has how it is bound.
#include "receiver/flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/receiver/flow_fixture.h"

namespace paceline::receiver {
namespace {

class FlowData : public FlowTest {};

TEST_F(FlowData, BeforeTheStartIsNobodys) {
  ASSERT_TRUE(probe(client(1)).has_value());
  data(0, client(1), kNow);
  EXPECT_TRUE(told_->intervals.empty());
}

TEST_F(FlowData, FromElsewhereOrOfAnotherSizeIsCountedApart) {
  run_from_client();
  data(0, client(1), kStart + 1ms);
  data(1, client(2), kStart + 2ms);                           // another host
  data(1, Address::parse("192.0.2.1", 40001), kStart + 2ms);  // another port
  data(1, client(1), kStart + 3ms, 1ms, 63);
  data(1, client(1), kStart + 3ms, 1ms, 65);
  data(1, client(1), kStart + 3ms, 1ms, 18);
  flow_->done(2, kStart + 4ms);
  EXPECT_FALSE(flow_->finished());  // packet 1 has not arrived
  data(1, client(1), kStart + 5ms);
  ASSERT_TRUE(flow_->finished());
  const Received total = told_->total();
  EXPECT_EQ(total.packets, 2u);
  EXPECT_EQ(total.unbound, 2u);
  EXPECT_EQ(total.invalid, 3u);
  EXPECT_EQ(total.lost, 0);
}

TEST_F(FlowData, DelaysAreByTheSendersClockThroughTheMap) {
  const auto reply = probe(client(1));
  ASSERT_TRUE(reply.has_value());
  decoder::FlowStart start;
  start.flow_id = kId;
  start.spec = spec_;
  start.map.offset = 1000s;  // the receiver's clock is ahead
  start.start = SenderTime{kStart.time_since_epoch() - 1000s};
  ASSERT_EQ(flow_->bind(reply->nonce, false), "");
  flow_->start(intake(start));
  data(0, client(1), kStart + 7ms, 1000s + 7ms);
  data(1, client(1), kStart + 8ms, 1000s - 2ms);  // negative: shown, not dropped
  flow_->done(2, kStart + 9ms);
  ASSERT_TRUE(flow_->finished());
  PacketFlowResult result;
  for (const PacketInterval& interval : told_->intervals) decoder::accumulate(result, interval);
  EXPECT_EQ(result.statistics.segments[0].max, 7'000'000);
  EXPECT_EQ(result.statistics.segments[0].min, -2'000'000);
}

TEST_F(FlowData, LossInTheSocketIsCountedWhileTheFlowRuns) {
  flow_->lost_in_socket(100, kNow);  // not started: not its own
  run_from_client();
  flow_->lost_in_socket(5, kStart + 1ms);
  flow_->shares_socket_with(3);
  flow_->shares_socket_with(2);
  flow_->done(0, kStart + 2ms);
  flow_->lost_in_socket(100, kStart + 3ms);
  EXPECT_EQ(told_->total().lost_in_socket, 5u);
  EXPECT_EQ(told_->socket_flows, 3u);  // the most at a time
}

TEST_F(FlowData, OfAWarmUpIsInNoTotalButIsWaitedFor) {
  spec_.omit = 200ms;
  run_from_client();
  EXPECT_EQ(flow_->next_tick(), kStart + 100ms);
  for (std::uint32_t i = 0; i < 4; ++i) data(i, client(1), kStart + 100ms * i + 1ms);
  flow_->done(5, kStart + 400ms);  // two of them in the warm-up
  EXPECT_FALSE(flow_->finished());
  data(4, client(1), kStart + 401ms);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(told_->intervals.front().received.packets, 1u);
  PacketFlowResult result;
  result.spec = spec_;
  for (const PacketInterval& interval : told_->intervals) decoder::accumulate(result, interval);
  EXPECT_EQ(result.received.packets, 3u);
}

TEST_F(FlowData, WithAWarmUpHasItsOvertimeAfterBoth) {
  spec_.omit = 200ms;
  run_from_client();
  ReceiverTime due{};
  while (!flow_->finished()) flow_->tick(due = flow_->next_tick());
  EXPECT_EQ(due, kStart + 200ms + 2s + Flow::kOvertime);
}

/// Datagrams that arrived together.
class FlowSuperPackets : public FlowTest {
 protected:
  /// Packets from `sequence` on, of 64 bytes each; the last has `last` of them.
  void put(std::size_t packets, std::uint32_t sequence, std::size_t last = 64) {
    for (std::size_t i = 0; i < packets; ++i) {
      const packet::Header header = header_of(sequence + static_cast<std::uint32_t>(i), kStart - 1ms);
      packet::encode(header, std::span(bytes_).subspan(64 * i));
    }
    arrived_ = datagram(client(1), 64 * (packets - 1) + last);
    arrived_.segment = 64;
  }
  static packet::Header header_of(std::uint32_t sequence, ReceiverTime sent) {
    const auto time = static_cast<std::uint64_t>(sent.time_since_epoch().count());
    return {packet::Type::data, kId, sequence, time & ((1ull << 48) - 1), 7};
  }
  std::size_t take(ReceiverTime stamp = decoder::PacketObservation::kNoStamp) {
    const auto header = packet::decode_header(arrived_.bytes);
    return flow_->data(header.value_or(packet::Header{}), arrived_, stamp, kStart);
  }

  traffic::Datagram arrived_;
};

TEST_F(FlowSuperPackets, AreTakenAsARun) {
  run_from_client();
  put(30, 0);
  EXPECT_EQ(take(kStart - 300us), 30u);
  flow_->count_buffer();
  put(10, 31);
  EXPECT_EQ(take(), 10u);
  flow_->count_buffer();
  flow_->done(41, kStart + 1ms);
  flow_->abandon(kStart + 2ms);
  const Received total = told_->total();
  EXPECT_EQ(total.packets, 40u);
  EXPECT_EQ(total.bytes, 40u * 64);
  EXPECT_EQ(total.lost, 1);
  EXPECT_EQ(total.stamped, 30u);
  EXPECT_EQ(total.missed, 10u);
  EXPECT_EQ(told_->arrivals, (Arrivals{2, 0, false}));
  PacketFlowResult result;
  for (const PacketInterval& interval : told_->intervals) decoder::accumulate(result, interval);
  EXPECT_EQ(result.statistics.segments[0].count, 40u);
  EXPECT_EQ(result.statistics.segments[0].max, 1'000'000);
  EXPECT_EQ(result.statistics.segments[1].max, 1'000'007);
}

TEST_F(FlowSuperPackets, EndARunAtWhatDoesNotContinueIt) {
  run_from_client();
  put(10, 0);
  bytes_[64 * 4 + 3] ^= 1;  // another flow's
  EXPECT_EQ(take(), 4u);
  put(10, 4, 20);  // the last is too short
  EXPECT_EQ(take(), 9u);
  arrived_.bytes = arrived_.bytes.subspan(64 * 9);
  EXPECT_EQ(take(), 1u);
  flow_->abandon(kStart + 1ms);
  EXPECT_EQ(told_->total().packets, 13u);
  EXPECT_EQ(told_->total().invalid, 1u);
}

TEST_F(FlowSuperPackets, FromElsewhereAreUnboundOneByOne) {
  run_from_client();
  put(10, 0);
  arrived_.from = client(2);
  EXPECT_EQ(take(), 1u);
  flow_->abandon(kStart + 1ms);
  EXPECT_EQ(told_->total().unbound, 1u);
}

TEST_F(FlowSuperPackets, LoseInTheSocketWhatTheHookSawAndNobodyRead) {
  const auto reply = probe(client(1));
  ASSERT_TRUE(reply.has_value());
  ASSERT_EQ(flow_->bind(reply->nonce, false), "");
  decoder::FlowStart start;
  start.flow_id = kId;
  start.spec = spec_;
  start.start = SenderTime{kStart.time_since_epoch()};
  FlowIntake with_hook = intake(start);
  with_hook.coalesced = true;
  with_hook.at_hook = [] { return 100; };
  flow_->start(std::move(with_hook));
  flow_->lost_in_socket(5, kStart);  // super-packets, of whatever flow: the hook knows better
  put(30, 0);
  take();
  probe(client(1), reply->nonce);
  put(30, 60);
  arrived_.from = client(2);
  take();
  flow_->done(99, kStart + 1ms);
  EXPECT_TRUE(told_->intervals.empty());
  flow_->tick(kStart + 1s);
  ASSERT_TRUE(flow_->finished());
  const Received total = told_->total();
  EXPECT_EQ(total.packets, 30u);
  EXPECT_EQ(total.lost, 69);
  EXPECT_EQ(total.unbound, 1u);
  EXPECT_EQ(total.lost_in_socket, 100u - 30 - 1 - 1) << "a probe and a stranger's datagram were read as well";
  EXPECT_EQ(told_->arrivals, (Arrivals{0, 99, true})) << "the probe is no datagram of the flow";
}

/// A flow of exchanges.
class FlowDone : public FlowTest {
 protected:
  /// How long after FlowDone a flow whose only packet so far had this delay gives up on the second.
  nanoseconds wait_after_delay(nanoseconds delay) {
    run_from_client();
    data(0, client(1), kStart + 3s, delay);
    const ReceiverTime done = kStart + 3100ms;
    flow_->tick(done);
    flow_->done(2, done);
    EXPECT_FALSE(flow_->finished());
    for (int i = 0; i < 1000 && !flow_->finished(); ++i) {
      const ReceiverTime due = flow_->next_tick();
      flow_->tick(due - 1ns);
      EXPECT_FALSE(flow_->finished());
      flow_->tick(due);
    }
    EXPECT_TRUE(flow_->finished());
    EXPECT_EQ(told_->total().lost, 1);
    return told_->finished_at - done;
  }
};

TEST_F(FlowDone, FinishesAtOnceWhenAllHaveArrived) {
  run_from_client();
  for (std::uint32_t i = 0; i < 10; ++i) data(i, client(1), kStart + i * 1ms);
  flow_->done(10, kStart + 10ms);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(told_->finished, 1);
  EXPECT_EQ(told_->finished_at, kStart + 10ms);
  EXPECT_TRUE(told_->intervals.back().last);
  EXPECT_EQ(told_->total().packets, 10u);
  EXPECT_EQ(flow_->next_tick(), ReceiverTime::max());
}

TEST_F(FlowDone, FinishesWithTheLastStraggler) {
  run_from_client();
  data(0, client(1), kStart + 1ms);
  flow_->done(3, kStart + 2ms);
  data(2, client(1), kStart + 50ms);
  EXPECT_FALSE(flow_->finished());
  data(1, client(1), kStart + 60ms);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(told_->total().lost, 0);
  EXPECT_EQ(told_->total().reordered, 1u);
}

TEST_F(FlowDone, DuplicatesDoNotCountAsArrived) {
  run_from_client();
  for (int i = 0; i < 3; ++i) data(0, client(1), kStart + 1ms);
  flow_->done(2, kStart + 2ms);
  EXPECT_FALSE(flow_->finished());
}

TEST_F(FlowDone, WaitsTwoHundredMillisecondsAtLeast) { EXPECT_EQ(wait_after_delay(1ms), 200ms); }
TEST_F(FlowDone, WaitsTwoHundredMillisecondsForANegativeDelay) { EXPECT_EQ(wait_after_delay(-5s), 200ms); }
TEST_F(FlowDone, WaitsThreeTimesTheLargestDelay) { EXPECT_EQ(wait_after_delay(300ms), 900ms); }
TEST_F(FlowDone, WaitsTwoSecondsAtMost) { EXPECT_EQ(wait_after_delay(5s), 2s); }

TEST_F(FlowDone, ADelayBeyondReasonDoesNotOverflowTheWait) { EXPECT_EQ(wait_after_delay(30h), 2s); }

TEST_F(FlowDone, CountsOnlyOnce) {
  run_from_client();
  flow_->done(5, kStart + 1ms);
  flow_->done(0, kStart + 2ms);  // would finish it
  EXPECT_FALSE(flow_->finished());
}

TEST_F(FlowDone, BeforeTheStartMeansNothing) {
  flow_->done(0, kNow);
  EXPECT_FALSE(flow_->finished());
  EXPECT_EQ(told_->finished, 0);
}

TEST_F(FlowDone, WithMoreThanAFlowCanHaveSentIsOnlyLoss) {
  run_from_client();
  flow_->done(~std::uint64_t{0}, kStart + 1ms);
  flow_->tick(kStart + 10s);
  EXPECT_TRUE(flow_->finished());
}

class FlowAbandon : public FlowTest {};

TEST_F(FlowAbandon, FinishesARunningFlowOnce) {
  run_from_client();
  data(0, client(1), kStart + 1ms);
  data(2, client(1), kStart + 2ms);
  flow_->abandon(kStart + 3ms);
  flow_->abandon(kStart + 4ms);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(told_->finished, 1);
  EXPECT_EQ(told_->finished_at, kStart + 3ms);
  EXPECT_EQ(told_->total().packets, 2u);
  EXPECT_EQ(told_->total().lost, 1);  // the gap; what came after the last is not known
  data(1, client(1), kStart + 5ms);
  flow_->tick(kStart + 1h);
  EXPECT_EQ(told_->total().packets, 2u);
}

TEST_F(FlowAbandon, OfOneThatNeverStartedTellsNothing) {
  flow_->abandon(kNow);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(told_->finished, 0);
}

class FlowTick : public FlowTest {};

TEST_F(FlowTick, IsNeverDueBeforeTheStart) { EXPECT_EQ(flow_->next_tick(), ReceiverTime::max()); }

TEST_F(FlowTick, EndsEachIntervalWhenItIsDue) {
  run_from_client();
  EXPECT_EQ(flow_->next_tick(), kStart + 100ms);
  flow_->tick(kStart + 100ms - 1ns);
  EXPECT_TRUE(told_->intervals.empty());
  flow_->tick(kStart + 100ms);
  ASSERT_EQ(told_->intervals.size(), 1u);
  EXPECT_EQ(told_->intervals[0].end, 100ms);
  EXPECT_EQ(flow_->next_tick(), kStart + 200ms);
}

TEST_F(FlowTick, IsNeverDueAgainAtTheSameTime) {
  run_from_client();
  ReceiverTime now = kNow;
  int ticks = 0;
  for (; ticks < 1000; ++ticks) {
    const ReceiverTime due = flow_->next_tick();
    if (due == ReceiverTime::max()) break;
    ASSERT_GT(due, now);
    now = due;
    flow_->tick(now);
  }
  // The flow's regular intervals, and its end without a FlowDone.
  EXPECT_EQ(ticks, 21);
  EXPECT_EQ(told_->intervals.size(), 21u);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(now, kStart + 2s + Flow::kOvertime);
}

TEST_F(FlowTick, ALateOneCatchesUpAtOnce) {
  run_from_client();
  const ReceiverTime late = kStart + 1550ms;
  flow_->tick(late);
  EXPECT_EQ(told_->intervals.size(), 15u);
  EXPECT_EQ(flow_->next_tick(), kStart + 1600ms);
}

}  // namespace
}  // namespace paceline::receiver
