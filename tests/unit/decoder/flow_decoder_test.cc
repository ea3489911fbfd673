// SPDX-License-Identifier: MIT
#include "decoder/flow_decoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "paceline/error.h"
#include "tests/unit/decoder/stream.h"

namespace paceline::decoder {
namespace {

using namespace testing;
using namespace std::chrono_literals;

// A flow of 10 packets a second and 1 s intervals, whose start is 0 by both clocks.
class FlowDecoderTest : public ::testing::Test {
 protected:
  FlowDecoderTest() { make({}); }

  void make(FlowStart start) {
    start.spec.rate_pps = 10;
    start.spec.duration = 10s;
    start.spec.interval = 1s;
    intervals_.clear();
    decoder_ =
        std::make_unique<FlowDecoder>(start, [this](PacketInterval&& row) { intervals_.push_back(std::move(row)); });
  }

  // Sent on time, arrives `delay` later.
  void arrive(std::uint64_t sequence, nanoseconds delay = 1ms) {
    const nanoseconds due = 100ms * static_cast<std::int64_t>(sequence);
    arrive_at(sequence, due + delay);
  }
  void arrive_at(std::uint64_t sequence, nanoseconds time) {
    PacketObservation packet;
    packet.sequence = sequence;
    packet.tx_user = SenderTime{100ms * static_cast<std::int64_t>(sequence)};
    packet.rx_user = ReceiverTime{time};
    packet.size = 512;
    decoder_->packet(packet);
  }
  const PacketFlowResult& finish(std::optional<std::uint64_t> sent, nanoseconds time = 20s) {
    decoder_->finish(sent, ReceiverTime{time});
    total_ = total_of(intervals_);
    return total_;
  }

  std::unique_ptr<FlowDecoder> decoder_;
  std::vector<PacketInterval> intervals_;
  PacketFlowResult total_;
};

TEST_F(FlowDecoderTest, AFlowWithoutTrouble) {
  for (std::uint64_t i = 0; i < 100; ++i) arrive(i);
  const auto& total = finish(100, 10100ms);
  EXPECT_EQ(total.received.packets, 100u);
  EXPECT_EQ(total.received.bytes, 51200u);
  EXPECT_EQ(total.received.lost, 0);
  EXPECT_EQ(total.statistics.segments[0].min, 1'000'000);
  EXPECT_EQ(total.statistics.segments[0].max, 1'000'000);
  EXPECT_EQ(total.statistics.segments[2].count, 0u);
  EXPECT_EQ(total.statistics.ipdv.count, 99u);
  EXPECT_EQ(total.statistics.jitter.max, 0);
  EXPECT_EQ(total.first_arrival, 1ms);
  EXPECT_EQ(total.last_arrival, 9901ms);
  ASSERT_EQ(intervals_.size(), 11u);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(intervals_[i].index, i);
    EXPECT_EQ(intervals_[i].start, 1s * static_cast<std::int64_t>(i));
    EXPECT_EQ(intervals_[i].end, 1s * static_cast<std::int64_t>(i + 1));
    EXPECT_EQ(intervals_[i].received.packets, 10u);
    EXPECT_FALSE(intervals_[i].last);
  }
  EXPECT_TRUE(intervals_[10].last);
  EXPECT_EQ(intervals_[10].start, 10s);
  EXPECT_EQ(intervals_[10].end, 10100ms);
}

TEST_F(FlowDecoderTest, NothingReceivedIsNothingLostUnlessTheSenderTells) {
  EXPECT_EQ(finish(std::nullopt).received.lost, 0);
  make({});
  EXPECT_EQ(finish(100).received.lost, 100);
  EXPECT_EQ(intervals_.size(), 11u);
  EXPECT_EQ(intervals_[10].received.lost, 100);
}

TEST_F(FlowDecoderTest, ALostHeadAndALostTailAreLost) {
  for (std::uint64_t i = 3; i < 90; ++i) arrive(i);
  EXPECT_EQ(finish(100).received.lost, 13);
  EXPECT_EQ(intervals_[0].received.lost, 3);
  EXPECT_EQ(intervals_.back().received.lost, 10);
}

TEST_F(FlowDecoderTest, DuplicatesDoNotHideLosses) {
  for (std::uint64_t i = 0; i < 100; i += 2) {
    arrive(i);
    arrive(i, 2ms);
  }
  const auto& total = finish(100);
  EXPECT_EQ(total.received.packets, 50u);
  EXPECT_EQ(total.received.duplicated, 50u);
  EXPECT_EQ(total.received.lost, 50);
  EXPECT_EQ(total.statistics.segments[0].count, 50u);
  EXPECT_EQ(total.statistics.ipdv.count, 0u) << "no two neighbours arrived";
}

TEST_F(FlowDecoderTest, AnOvertakenPacketCorrectsTheIntervalThatCountedItLost) {
  arrive(0);
  arrive(2);              // overtakes 1
  arrive_at(12, 1300ms);  // overtakes 3 to 11
  arrive_at(11, 1400ms);  // counted in no closed interval yet
  arrive_at(1, 2100ms);   // interval 0 counted it
  arrive_at(5, 2200ms);   // interval 1 did
  arrive_at(6, 2300ms);
  const auto& total = finish(13, 3s);
  ASSERT_GE(intervals_.size(), 3u);
  EXPECT_EQ(intervals_[0].received.lost, 1);
  EXPECT_EQ(intervals_[1].received.lost, 8);
  EXPECT_TRUE(intervals_[1].corrections.empty());
  EXPECT_EQ(intervals_[2].received.lost, -3) << "an interval's loss holds its corrections";
  EXPECT_EQ(intervals_[2].corrections, (std::vector<Correction>{{0, -1}, {1, -2}}));
  EXPECT_EQ(intervals_[2].received.reordered, 3u);
  EXPECT_EQ(total.received.reordered, 4u);
  EXPECT_EQ(total.received.lost, 6) << "3, 4 and 7 to 10";
}

TEST_F(FlowDecoderTest, APacketOfAnIntervalTooOldToBeKnownCorrectsNone) {
  FlowStart start;
  start.spec.rate_pps = 10;
  start.spec.duration = 100s;
  start.spec.interval = 1s;
  decoder_ =
      std::make_unique<FlowDecoder>(start, [this](PacketInterval&& row) { intervals_.push_back(std::move(row)); });
  for (std::uint64_t i = 0; i < 1000; ++i) {
    if (i % 10 != 5) arrive(i);  // one lost an interval
  }
  arrive_at(5, 100s);    // interval 0 is forgotten
  arrive_at(345, 100s);  // as is 34
  arrive_at(365, 100s);
  const auto& total = finish(1000, 101s);
  EXPECT_EQ(intervals_.back().corrections, (std::vector<Correction>{{36, -1}}));
  EXPECT_EQ(intervals_.back().received.lost, -3);
  EXPECT_EQ(total.received.lost, 97);
}

TEST_F(FlowDecoderTest, APacketLaterThanTheWindowIsNeither) {
  FlowStart start;
  start.spec.rate_pps = 1000;  // a window of 4096
  start.spec.duration = 10s;
  decoder_ =
      std::make_unique<FlowDecoder>(start, [this](PacketInterval&& row) { intervals_.push_back(std::move(row)); });
  EXPECT_EQ(decoder_->duplicate_window(), 4096u);
  arrive_at(5000, 1ms);
  arrive_at(5001 - 4096, 2ms);
  arrive_at(5000 - 4096, 3ms);
  const auto& total = finish(5001);
  EXPECT_EQ(total.received.packets, 2u);
  EXPECT_EQ(total.received.beyond_window, 1u);
  EXPECT_EQ(total.received.lost, 4999);
}

TEST_F(FlowDecoderTest, WhatTheFlowCannotHaveSentIsInvalid) {
  arrive(0);
  arrive_at(4'000'000'000, 150ms);
  arrive(2);
  const auto& total = finish(3);
  EXPECT_EQ(total.received.packets, 2u);
  EXPECT_EQ(total.received.invalid, 1u);
  EXPECT_EQ(total.received.lost, 1);
}

TEST_F(FlowDecoderTest, WhatComesBeforeTheStartIsInTheFirstInterval) {
  arrive_at(0, -5ms);
  const auto& total = finish(1, 2s);
  EXPECT_EQ(intervals_[0].received.packets, 1u);
  EXPECT_EQ(total.statistics.segments[0].min, -5'000'000);
  EXPECT_EQ(total.statistics.segments[0].negative(), 1u);
  EXPECT_EQ(total.first_arrival, -5ms);
}

TEST_F(FlowDecoderTest, WhatComesAfterTheDurationIsInTheLastInterval) {
  arrive_at(0, 10s);
  arrive_at(1, 1000s);
  finish(2, 1001s);
  ASSERT_EQ(intervals_.size(), 11u);
  EXPECT_EQ(intervals_[10].received.packets, 2u);
  EXPECT_EQ(intervals_[10].end, 1001s);
}

TEST_F(FlowDecoderTest, FinishingEarlyEndsTheOpenInterval) {
  arrive(0);
  finish(1, 2500ms);
  ASSERT_EQ(intervals_.size(), 3u);
  EXPECT_TRUE(intervals_[2].last);
  EXPECT_EQ(intervals_[2].start, 2s);
  EXPECT_EQ(intervals_[2].end, 2500ms);
}

TEST_F(FlowDecoderTest, AnUnevenDurationHasAWholeLastRegularInterval) {
  FlowStart start;
  start.spec.duration = 2500ms;
  start.spec.interval = 1s;
  decoder_ =
      std::make_unique<FlowDecoder>(start, [this](PacketInterval&& row) { intervals_.push_back(std::move(row)); });
  decoder_->advance(ReceiverTime{100s});
  EXPECT_EQ(intervals_.size(), 3u);
  EXPECT_EQ(decoder_->interval_end(), ReceiverTime::max());
}

TEST_F(FlowDecoderTest, StampsAreExpectedOfAHookOnly) {
  PacketObservation packet;
  packet.rx_user = ReceiverTime{1000ns};
  decoder_->packet(packet);
  EXPECT_EQ(finish(1).received.missed, 0u);

  FlowStart hooked;
  hooked.hook = Hook::tcx;
  make(hooked);
  decoder_->packet(packet);
  decoder_->packet(packet);  // a duplicate counts for nothing here
  packet.sequence = 1;
  packet.lateness = 30;
  packet.rx_tc = ReceiverTime{400ns};
  decoder_->packet(packet);
  const auto& total = finish(2);
  EXPECT_EQ(total.received.missed, 1u);
  EXPECT_EQ(total.received.stamped, 1u);
  EXPECT_EQ(total.statistics.segments[0].max, 1000);
  EXPECT_EQ(total.statistics.segments[1].max, 1030);
  EXPECT_EQ(total.statistics.segments[2].max, 400);
  EXPECT_EQ(total.statistics.segments[3].max, 600);
}

TEST_F(FlowDecoderTest, JitterIsOfArrivalsAndIpdvOfNeighbours) {
  arrive(0, 1ms);
  arrive(1, 4ms);
  arrive(3, 2ms);
  arrive(4, 1ms);
  const auto& total = finish(5);
  EXPECT_EQ(total.statistics.jitter.count, 3u);
  EXPECT_EQ(static_cast<std::uint64_t>(total.statistics.jitter.sum), 6'000'000u);
  EXPECT_EQ(total.statistics.ipdv.count, 2u);
  EXPECT_EQ(total.statistics.ipdv.min, -1'000'000);
  EXPECT_EQ(total.statistics.ipdv.max, 3'000'000);
}

TEST_F(FlowDecoderTest, CountedThingsBelongToTheirInterval) {
  decoder_->count(Counted::unbound, 3, ReceiverTime{100ms});
  decoder_->count(Counted::lost_in_socket, 5, ReceiverTime{1100ms});
  decoder_->count(Counted::invalid, 7, ReceiverTime{1200ms});
  finish(std::nullopt, 2s);
  EXPECT_EQ(intervals_[0].received.unbound, 3u);
  EXPECT_EQ(intervals_[1].received.lost_in_socket, 5u);
  EXPECT_EQ(intervals_[1].received.invalid, 7u);
}

TEST_F(FlowDecoderTest, AbsurdTimesAreDefined) {
  FlowStart start;
  start.start = SenderTime::max();
  start.map.offset = nanoseconds::max();
  make(start);
  for (const auto time : {ReceiverTime::min(), ReceiverTime{}, ReceiverTime::max()}) {
    PacketObservation packet;
    packet.tx_user = SenderTime::min();
    packet.lateness = std::numeric_limits<std::int64_t>::min();
    packet.rx_user = time;
    decoder_->packet(packet);
    decoder_->interval_end();
  }
  EXPECT_EQ(finish(~std::uint64_t{0}).received.packets, 1u);
}

TEST(FlowDecoder, RefusesASpecificationThatMakesNoSense) {
  FlowStart start;
  start.spec.interval = nanoseconds{0};
  EXPECT_THROW(FlowDecoder(start, [](PacketInterval&&) {}), UsageError);
}

// The definitions, computed from the whole list of arrivals.
void expect_by_definition(const Stream& stream, const PacketFlowResult& total) {
  std::set<std::uint64_t> seen;
  std::vector<std::int64_t> delays;
  std::uint64_t next = 0, duplicated = 0, reordered = 0, stamped = 0;
  std::map<Counted, std::uint64_t> counted;
  for (const Call& call : stream.calls) {
    if (!call.is_packet) {
      counted[call.what] += call.number;
      continue;
    }
    if (!seen.insert(call.packet.sequence).second) {
      ++duplicated;
      continue;
    }
    reordered += call.packet.sequence < next;
    next = std::max(next, call.packet.sequence + 1);
    stamped += call.packet.rx_tc != PacketObservation::kNoStamp;
    delays.push_back((call.packet.rx_user - stream.start.map.to_receiver(call.packet.tx_user)).count());
  }
  EXPECT_EQ(total.received.packets, seen.size());
  EXPECT_EQ(total.received.lost, static_cast<std::int64_t>(stream.sent) - static_cast<std::int64_t>(seen.size()));
  EXPECT_EQ(total.received.duplicated, duplicated);
  EXPECT_EQ(total.received.reordered, reordered);
  EXPECT_EQ(total.received.stamped, stamped);
  EXPECT_EQ(total.received.missed, seen.size() - stamped);
  EXPECT_EQ(total.received.unbound, counted[Counted::unbound]);
  EXPECT_EQ(total.received.invalid, counted[Counted::invalid]);
  EXPECT_EQ(total.received.lost_in_socket, counted[Counted::lost_in_socket]);

  const Distribution& delay = total.statistics.segments[0];
  const auto n = static_cast<long double>(delays.size());
  long double sum = 0, squares = 0;
  for (const std::int64_t value : delays) sum += static_cast<long double>(value);
  for (const std::int64_t value : delays) squares += std::pow(static_cast<long double>(value) - sum / n, 2.0L);
  EXPECT_EQ(delay.min, std::ranges::min(delays));
  EXPECT_EQ(delay.max, std::ranges::max(delays));
  EXPECT_NEAR(delay.mean(), static_cast<double>(sum / n), 1e-6);
  EXPECT_NEAR(delay.stddev() / static_cast<double>(std::sqrt(squares / (n - 1))), 1, 1e-9);
}

TEST(FlowDecoder, StreamsOfAnyKindEqualTheDefinitions) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Trouble trouble;
    trouble.lost_tail = seed % 3 * 7;
    trouble.map_error = seed % 2 ? 40'000 : -1'000'000'000'000;
    const Stream stream = make_stream(seed, 2000, trouble);
    const auto intervals = decode_live(stream);
    expect_by_definition(stream, total_of(intervals));

    // Corrected row by row, no interval lost more than it can have.
    std::vector<std::int64_t> lost;
    for (const PacketInterval& interval : intervals) {
      lost.push_back(interval.received.lost);
      for (const Correction& correction : interval.corrections) {
        lost.back() -= correction.lost;
        lost.at(correction.interval) += correction.lost;
      }
    }
    for (const std::int64_t value : lost) EXPECT_GE(value, 0);
  }
}

// Super-packets of any length, in order and not, stamped and not, on the way of a receiver whose clock jumps now and
// then: told as runs they give what their packets give one by one.
TEST(FlowDecoder, RunsEqualTheirPacketsOneByOne) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
    FlowStart start;
    start.spec.rate_pps = seed % 3 == 0 ? 0 : 1000;
    start.spec.size = 64;
    start.spec.duration = 30s;
    start.spec.omit = seed % 4 == 0 ? 2s : 0s;
    start.spec.interval = 500ms;
    start.map.offset = 77s;
    start.hook = seed % 2 == 0 ? Hook::tcx : Hook::none;

    std::vector<PacketInterval> by_run, one_by_one;
    FlowDecoder runs(start, [&](PacketInterval&& row) { by_run.push_back(std::move(row)); });
    FlowDecoder packets(start, [&](PacketInterval&& row) { one_by_one.push_back(std::move(row)); });
    std::int64_t now = 0;
    std::uint64_t next = 0;
    for (int i = 0; i < 400; ++i) {
      now += below(10) == 0 ? below(2'000'000'000) : below(80'000'000);
      PacketObservation first;
      first.sequence =
          below(8) == 0 ? next - std::min(next, random() % 300) : next + (below(5) == 0 ? random() % 9 : 0);
      if (i > 350 && below(5) == 0) first.sequence = 31'900 + random() % 300;  // what 32 s can hold ends there
      first.tx_user = sender(now - 1'000'000 - below(50'000'000));
      first.rx_user = receiver(now + 77'000'000'000);
      if (below(5) != 0) first.rx_tc = first.rx_user - nanoseconds{below(9'000)};
      first.size = 64;
      std::vector<std::int64_t> lateness(1 + random() % 128);
      for (auto& value : lateness) value = below(2) == 0 ? 0 : below(5'000);
      next = std::max(next, first.sequence + lateness.size());

      runs.run(first, lateness);
      for (const std::int64_t value : lateness) {
        first.lateness = value;
        packets.packet(first);
        ++first.sequence;
      }
      ASSERT_EQ(runs.distinct(), packets.distinct());
      ASSERT_EQ(runs.next_expected(), packets.next_expected());
      ASSERT_EQ(runs.largest_delay(), packets.largest_delay());
    }
    runs.finish(next, receiver(now + 78'000'000'000));
    packets.finish(next, receiver(now + 78'000'000'000));
    ASSERT_GT(by_run.size(), 10u);
    EXPECT_EQ(by_run, one_by_one) << "seed " << seed;
    EXPECT_GT(total_of(by_run).received.packets, 1000u);
  }
}

TEST(FlowDecoder, ARunOfManyEqualValuesIsExact) {
  FlowStart start;
  start.spec.rate_pps = 0;
  start.spec.size = 64;
  std::vector<PacketInterval> intervals;
  FlowDecoder decoder(start, [&](PacketInterval&& row) { intervals.push_back(std::move(row)); });
  const std::vector<std::int64_t> lateness(128);
  PacketObservation first;
  first.rx_user = ReceiverTime{5us};
  for (; first.sequence < 128 * 2000; first.sequence += 128) decoder.run(first, lateness);
  decoder.finish(first.sequence, ReceiverTime{40s});
  const PacketFlowResult total = total_of(intervals);
  EXPECT_EQ(total.received.packets, 256'000u);
  EXPECT_EQ(total.received.lost, 0);
  EXPECT_EQ(total.statistics.segments[0].count, 256'000u);
  EXPECT_EQ(total.statistics.segments[0].mean(), 5000);
  EXPECT_EQ(total.statistics.segments[0].stddev(), 0);
  EXPECT_EQ(total.statistics.ipdv.count, 255'999u);
}

TEST(FlowDecoder, AFlowWithoutARateHasAWindowAndMayHoldAHundredMillionPacketsASecond) {
  FlowStart start;
  start.spec.rate_pps = 0;
  start.spec.duration = 1s;
  FlowDecoder decoder(start, [](PacketInterval&&) {});
  EXPECT_EQ(decoder.duplicate_window(), 1u << 20);
  PacketObservation packet;
  packet.sequence = 100'000'000;
  decoder.packet(packet);
  EXPECT_EQ(decoder.distinct(), 1u);
  packet.sequence = 100'000'100;
  decoder.packet(packet);
  EXPECT_EQ(decoder.distinct(), 1u);
}

// 10 packets a second, 1 s intervals, 2 s of warm-up.
class WarmUp : public ::testing::Test {
 protected:
  WarmUp() {
    start_.spec.rate_pps = 10;
    start_.spec.omit = 2s;
    start_.spec.duration = 3s;
    start_.spec.interval = 1s;
    decoder_ = std::make_unique<FlowDecoder>(start_);
    decoder_->report_to([this](PacketInterval&& row) { intervals_.push_back(std::move(row)); });
  }
  void arrive(std::uint64_t sequence, nanoseconds time) {
    PacketObservation packet;
    packet.sequence = sequence;
    packet.tx_user = SenderTime{100ms * static_cast<std::int64_t>(sequence)};
    packet.rx_user = ReceiverTime{time};
    packet.size = 100;
    decoder_->packet(packet);
  }
  PacketFlowResult finish(std::uint64_t sent) {
    decoder_->finish(sent, ReceiverTime{6s});
    PacketFlowResult total;
    total.spec = start_.spec;
    for (const PacketInterval& interval : intervals_) accumulate(total, interval);
    return total;
  }

  FlowStart start_;
  std::unique_ptr<FlowDecoder> decoder_;
  std::vector<PacketInterval> intervals_;
};

TEST_F(WarmUp, IsInItsRowsAndInNoTotal) {
  for (std::uint64_t i = 0; i < 50; ++i) {
    if (i != 5 && i != 25) arrive(i, 100ms * static_cast<std::int64_t>(i) + 1ms);
  }
  const PacketFlowResult total = finish(50);
  ASSERT_EQ(intervals_.size(), 6u);
  for (const PacketInterval& row : intervals_) EXPECT_EQ(row.omitted, row.index < 2) << row.index;
  EXPECT_EQ(intervals_[0].received.lost, 1);
  EXPECT_EQ(intervals_[0].received.packets, 9u);
  EXPECT_TRUE(intervals_[5].last);
  EXPECT_EQ(total.received.packets, 29u);
  EXPECT_EQ(total.received.lost, 1);
  EXPECT_EQ(total.statistics.segments[0].count, 29u);
  EXPECT_EQ(total.first_arrival, 2001ms);
  EXPECT_EQ(total.last_arrival, 4901ms);
  EXPECT_EQ(total.intervals, 4u);
}

TEST_F(WarmUp, ALatePacketOfItTakesNothingFromTheTotalsLoss) {
  for (std::uint64_t i = 0; i < 50; ++i) {
    if (i != 5 && i != 25 && i != 35) arrive(i, 100ms * static_cast<std::int64_t>(i) + 1ms);
  }
  arrive(5, 4950ms);   // lost in the warm-up
  arrive(25, 4960ms);  // lost in the measured part
  const PacketFlowResult total = finish(50);
  EXPECT_EQ(intervals_[4].corrections, (std::vector<Correction>{{0, -1}, {2, -1}}));
  EXPECT_EQ(intervals_[4].received.lost, -2);
  EXPECT_EQ(total.received.lost, 1) << "35";
}

TEST(FlowDecoder, TheTimerMakesNoDifference) {
  const Stream stream = make_stream(1, 2000);
  std::vector<PacketInterval> intervals;
  FlowDecoder decoder(stream.start, [&](PacketInterval&& interval) { intervals.push_back(std::move(interval)); });
  for (const Call& call : stream.calls) feed(decoder, call);
  decoder.finish(stream.sent, stream.finished);
  EXPECT_EQ(intervals, decode_live(stream));
}

}  // namespace
}  // namespace paceline::decoder
