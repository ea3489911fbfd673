// SPDX-License-Identifier: MIT
#include "decoder/totals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace paceline::decoder {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr nanoseconds kInterval = 1s;

TcpInterval row(std::uint64_t index, std::vector<StreamInterval> streams = {}) {
  TcpInterval row;
  row.index = index;
  row.start = static_cast<std::int64_t>(index) * kInterval;
  row.end = row.start + kInterval;
  row.streams = std::move(streams);
  return row;
}

TcpInterval last(std::uint64_t index, nanoseconds length = 30ms) {
  TcpInterval remainder = row(index);
  remainder.end = remainder.start + length;
  remainder.last = true;
  return remainder;
}

// What a source knows of a stream in an interval.
StreamInterval written(std::uint64_t bytes, std::uint64_t retransmits = 0) {
  StreamInterval stream;
  stream.written = bytes;
  stream.info.mss = 1448;
  stream.info.retransmits = retransmits;
  return stream;
}

// What a sink knows.
StreamInterval received(std::uint64_t bytes) {
  StreamInterval stream;
  stream.received = bytes;
  stream.wire.skbs = 1;
  stream.wire.bytes = bytes;
  return stream;
}

std::vector<std::uint64_t> indices(const std::vector<TcpInterval>& rows) {
  std::vector<std::uint64_t> all;
  for (const TcpInterval& row : rows) all.push_back(row.index);
  return all;
}

TEST(Join, EachEndAddsWhatItKnows) {
  TcpInterval ours = row(3, {written(10), written(20, 4)});
  TcpInterval theirs = row(3, {received(8), received(19)});
  theirs.host_delay.count = 1;
  theirs.host_delay.buckets = {{0, 1}};
  join(ours, theirs);
  ASSERT_EQ(ours.streams.size(), 2u);
  EXPECT_EQ(ours.streams[0].written, 10u);
  EXPECT_EQ(ours.streams[0].received, 8u);
  EXPECT_EQ(ours.streams[1].info.retransmits, 4u);
  EXPECT_EQ(ours.streams[1].wire.bytes, 19u);
  EXPECT_EQ(ours.host_delay.count, 1u);
}

TEST(Join, OrderDoesNotMatter) {
  TcpInterval one = row(3, {written(10, 2)});
  TcpInterval other = row(3, {received(8)});
  const TcpInterval again = one;
  join(one, other);
  join(other, again);
  EXPECT_EQ(one, other);
}

TEST(Join, TheSpanIsThatOfTheEndThatReceived) {
  TcpInterval source = last(5, 300ms);
  TcpInterval sink = row(5, {received(1)});
  join(source, sink);
  EXPECT_EQ(source.end, 6s);
  EXPECT_FALSE(source.last) << "the sink goes on";

  TcpInterval over = last(5, 300ms);
  join(over, last(5, 100ms));
  EXPECT_EQ(over.end, 5s + 300ms);
  EXPECT_TRUE(over.last);
}

TEST(RowJoiner, GivesOutWhatBothHaveToldOfInOrder) {
  RowJoiner joiner;
  EXPECT_THAT(joiner.ours(row(0, {written(1)})), IsEmpty());
  EXPECT_THAT(joiner.ours(row(1, {written(2)})), IsEmpty());
  EXPECT_THAT(joiner.theirs(row(1, {received(2)})), IsEmpty()) << "the first one is not whole";
  const auto rows = joiner.theirs(row(0, {received(1)}));
  ASSERT_THAT(indices(rows), ElementsAre(0, 1));
  for (const TcpInterval& whole : rows) {
    EXPECT_EQ(whole.streams[0].written, whole.streams[0].received);
    EXPECT_FALSE(whole.one_sided);
  }
  EXPECT_THAT(joiner.rest(), IsEmpty());
}

TEST(RowJoiner, DoesNotWaitForAnEndThatIsOver) {
  RowJoiner joiner;
  joiner.ours(last(0));
  EXPECT_THAT(indices(joiner.theirs(row(0))), ElementsAre(0));
  const auto rows = joiner.theirs(last(1));
  ASSERT_THAT(indices(rows), ElementsAre(1));
  EXPECT_TRUE(rows[0].last);
  EXPECT_FALSE(rows[0].one_sided);
}

TEST(RowJoiner, AnEndThatIsOverLateFreesWhatWaited) {
  RowJoiner joiner;
  joiner.ours(row(0));
  joiner.ours(row(1));
  joiner.ours(last(2));
  EXPECT_THAT(indices(joiner.theirs(last(0))), ElementsAre(0, 1, 2));
}

TEST(RowJoiner, WhatTheOtherEndNeverToldOfIsOneSided) {
  RowJoiner joiner;
  joiner.ours(row(0));
  joiner.ours(row(2));
  joiner.theirs(row(2));
  const auto rows = joiner.rest();
  ASSERT_THAT(indices(rows), ElementsAre(0, 2));
  EXPECT_TRUE(rows[0].one_sided);
  EXPECT_FALSE(rows[1].one_sided);
}

TEST(RowJoiner, HoldsOnlySoMany) {
  RowJoiner joiner;
  for (std::uint64_t i = 0; i < RowJoiner::kMost; ++i) EXPECT_THAT(joiner.ours(row(i, {written(1)})), IsEmpty());
  const auto pushed_out = joiner.ours(row(RowJoiner::kMost, {written(1)}));
  ASSERT_THAT(indices(pushed_out), ElementsAre(0));
  EXPECT_TRUE(pushed_out[0].one_sided);
  const auto late = joiner.theirs(row(0, {received(7)}));
  ASSERT_THAT(indices(late), ElementsAre(0)) << "what was received counts, late or not";
  EXPECT_TRUE(late[0].one_sided);
  EXPECT_EQ(late[0].streams[0].received, 7u);
  EXPECT_EQ(joiner.rest().size(), RowJoiner::kMost);
}

TEST(RowJoiner, CountsRetransmitsOfTheInterval) {
  RowJoiner joiner;
  joiner.theirs(row(0, {received(1), received(1)}));
  joiner.theirs(row(1, {received(1), received(1)}));
  joiner.theirs(row(2, {received(1), received(1)}));
  EXPECT_EQ(joiner.ours(row(0, {written(1, 3), written(1, 0)}))[0].streams[0].retransmits, 3u);
  const auto rows = joiner.ours(row(1, {written(1, 3), written(1, 5)}));
  EXPECT_EQ(rows[0].streams[0].retransmits, 0u);
  EXPECT_EQ(rows[0].streams[1].retransmits, 5u);
  EXPECT_EQ(joiner.ours(row(2, {written(1, 10), written(1, 5)}))[0].streams[0].retransmits, 7u);
}

TcpFlowResult flow() {
  TcpFlowResult flow;
  flow.spec.interval = kInterval;
  return flow;
}

TEST(Accumulate, AddsUpStreamsAndRows) {
  TcpFlowResult total = flow();
  for (std::uint64_t i = 0; i < 2; ++i) {
    TcpInterval whole = row(i, {written(100, 1), written(300)});
    join(whole, row(i, {received(90), received(310)}));
    whole.streams[0].retransmits = 1;
    accumulate(total, whole);
  }
  EXPECT_EQ(total.written, 800u);
  EXPECT_EQ(total.received, 800u);
  EXPECT_EQ(total.intervals, 2u);
  EXPECT_EQ(total.wire.bytes, 800u);
  ASSERT_EQ(total.streams.size(), 2u);
  EXPECT_EQ(total.streams[0].received, 180u);
  EXPECT_EQ(total.streams[0].retransmits, 2u);
  EXPECT_EQ(total.streams[0].info.mss, 1448u);
  EXPECT_EQ(total.goodput.count, 2u);
  EXPECT_EQ(total.goodput.mean(), 400 * 8);
  EXPECT_EQ(total.streams[1].goodput.max, 310 * 8);
}

TEST(Accumulate, TheWarmUpIsInNoTotal) {
  TcpFlowResult total = flow();
  TcpInterval warm_up = row(0, {received(500)});
  warm_up.streams[0].info.mss = 1448;
  warm_up.omitted = true;
  accumulate(total, warm_up);
  EXPECT_EQ(total.omitted_bytes, 500u);
  EXPECT_EQ(total.received, 0u);
  EXPECT_EQ(total.intervals, 0u);
  EXPECT_EQ(total.goodput.count, 0u);
  EXPECT_EQ(total.wire, WireCounts{});
  ASSERT_EQ(total.streams.size(), 1u);
  EXPECT_EQ(total.streams[0].received, 0u);
}

TEST(Accumulate, GoodputIsOfWholeIntervals) {
  TcpFlowResult total = flow();
  accumulate(total, row(0, {received(0)}));
  TcpInterval remainder = last(1, 1s);
  remainder.streams = {received(5)};
  accumulate(total, remainder);
  TcpInterval cut = row(2, {received(5)});
  cut.end -= 1ms;
  accumulate(total, cut);
  EXPECT_EQ(total.received, 10u);
  EXPECT_EQ(total.goodput.count, 1u) << "an interval in which nothing came is one";
  EXPECT_EQ(total.goodput.max, 0);
}

TEST(Accumulate, WhatTheReceiverDidNotTellOfIsNoGoodput) {
  TcpFlowResult total = flow();
  TcpInterval ours = row(0, {written(100)});
  ours.one_sided = true;
  accumulate(total, ours);
  EXPECT_EQ(total.written, 100u);
  EXPECT_EQ(total.goodput.count, 0u);
  TcpInterval theirs = row(0, {received(100)});
  theirs.one_sided = true;
  accumulate(total, theirs);
  EXPECT_EQ(total.goodput.count, 1u);
}

TEST(Accumulate, Connections) {
  ConnectionInterval row;
  row.exchanges.started = 10;
  row.exchanges.completed = 8;
  row.exchanges.failed = {1, 0, 1};
  row.exchanges.missed_slots = 2;
  row.exchanges.connect.count = 1;
  row.exchanges.connect.buckets = {{0, 1}};
  ConnectionFlowResult total;
  accumulate(total, row);
  accumulate(total, row);
  row.omitted = true;
  accumulate(total, row);
  EXPECT_EQ(total.exchanges.started, 20u);
  EXPECT_EQ(total.exchanges.completed, 16u);
  EXPECT_EQ(total.exchanges.failures(), 4u);
  EXPECT_EQ(total.exchanges.missed_slots, 4u);
  EXPECT_EQ(total.exchanges.connect.count, 2u);
  EXPECT_EQ(total.intervals, 2u);
}

double fairness_of(std::vector<std::uint64_t> bytes) {
  TcpFlowResult flow;
  for (const std::uint64_t received : bytes) flow.streams.emplace_back().received = received;
  return fairness(flow);
}

TEST(Fairness, IsJainsIndex) {
  EXPECT_DOUBLE_EQ(fairness_of({7}), 1);
  EXPECT_DOUBLE_EQ(fairness_of({5, 5, 5}), 1);
  EXPECT_DOUBLE_EQ(fairness_of({10, 0, 0, 0}), 0.25);
  EXPECT_DOUBLE_EQ(fairness_of({1, 3}), 0.8);
  EXPECT_DOUBLE_EQ(fairness_of({0, 0}), 0);
  EXPECT_DOUBLE_EQ(fairness_of({}), 0);
}

}  // namespace
}  // namespace paceline::decoder
