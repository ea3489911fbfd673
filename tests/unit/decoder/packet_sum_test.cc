// SPDX-License-Identifier: MIT
#include "decoder/packet_sum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace paceline::decoder {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;

PacketInterval row(std::uint64_t index, std::uint64_t packets, nanoseconds first, nanoseconds final) {
  PacketInterval row;
  row.index = index;
  row.received.packets = packets;
  row.received.lost_in_socket = packets / 2;
  row.first_arrival = first;
  row.last_arrival = final;
  return row;
}

TEST(PacketRowSum, IsWholeWhenAllFlowsHaveTold) {
  PacketRowSum sum(3);
  EXPECT_THAT(sum.add(row(0, 4, 5ms, 8ms)), IsEmpty());
  EXPECT_THAT(sum.add(row(0, 0, 0ms, 0ms)), IsEmpty());
  EXPECT_THAT(sum.add(row(1, 1, 1s, 1s)), IsEmpty());
  const auto rows = sum.add(row(0, 6, 2ms, 7ms));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].index, 0u);
  EXPECT_EQ(rows[0].received.packets, 10u);
  EXPECT_EQ(rows[0].received.lost_in_socket, 3u) << "flows that share a socket all count its losses";
  EXPECT_EQ(rows[0].first_arrival, 2ms) << "a flow without packets has no first arrival";
  EXPECT_EQ(rows[0].last_arrival, 8ms);
  ASSERT_EQ(sum.rest().size(), 1u);
}

TEST(PacketRowSum, DoesNotWaitForFlowsThatAreOver) {
  PacketRowSum sum(2);
  PacketInterval end = row(0, 1, 1ms, 1ms);
  end.last = true;
  EXPECT_THAT(sum.add(end), IsEmpty());
  const auto rows = sum.add(row(0, 1, 1ms, 1ms));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_FALSE(rows[0].last);
  EXPECT_EQ(sum.add(row(1, 1, 1s, 1s)).size(), 1u);
}

TEST(PacketRowSum, HoldsOnlySoMany) {
  PacketRowSum sum(2);
  for (std::uint64_t i = 0; i < PacketRowSum::kMost; ++i) EXPECT_THAT(sum.add(row(i, 1, 1ms, 1ms)), IsEmpty());
  EXPECT_EQ(sum.add(row(PacketRowSum::kMost, 1, 1ms, 1ms)).size(), 1u);
}

TEST(UdpSum, AddsCountsAndKeepsTheWidestSpan) {
  PacketFlowResult one;
  one.complete = true;
  one.sent.packets = 10;
  one.sent.span = 2s;
  one.received.packets = 9;
  one.received.lost = 1;
  one.first_arrival = 1ms;
  one.last_arrival = 2s;
  one.arrivals = {4, 9, false};
  PacketFlowResult other = one;
  other.complete = false;
  other.incomplete_reason = "stopped";
  other.sent.span = 3s;
  other.last_arrival = 3s;
  const PacketFlowResult total = sum(std::vector<const PacketFlowResult*>{&one, &other});
  EXPECT_EQ(total.spec.rate_pps, 2000);
  EXPECT_EQ(total.sent.packets, 20u);
  EXPECT_NEAR(rate_pps(total.sent.packets, total.sent.span), 4.5 + 3, 1e-6) << "the rates' sum";
  EXPECT_EQ(total.received.lost, 2);
  EXPECT_EQ(total.first_arrival, 1ms);
  EXPECT_EQ(total.last_arrival, 3s);
  EXPECT_EQ(total.arrivals.skbs, 8u);
  EXPECT_FALSE(total.complete);
  EXPECT_EQ(total.incomplete_reason, "1 of the flows; the first: stopped");
}

}  // namespace
}  // namespace paceline::decoder
