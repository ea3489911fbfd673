// SPDX-License-Identifier: MIT
#include "traffic/tcp_rows.h"

#include <gtest/gtest.h>

#include <vector>

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

TcpFlowSpec flow_of(nanoseconds omit, nanoseconds duration) {
  TcpFlowSpec flow;
  flow.interval = 1s;
  flow.omit = omit;
  flow.duration = duration;
  return flow;
}

// Two workers with a stream each.
struct TwoWorkers {
  std::vector<TcpInterval> given;
  TcpRows rows{RowGrid(flow_of(1s, 2500ms)), 2, 2, [this](TcpInterval&& row) { given.push_back(std::move(row)); }};

  static TcpRows::Fill bytes(std::size_t stream, std::uint64_t count) {
    return [=](TcpInterval& row) { row.streams.at(stream).written = count; };
  }
};

TEST(RowGrid, TheLastWholeRowIsCutByTheFlowsEnd) {
  const RowGrid grid(flow_of(1s, 2500ms));
  EXPECT_EQ(grid.count(), 4u);
  EXPECT_EQ(grid.start(3), 3s);
  EXPECT_EQ(grid.end(3), 3500ms);
  EXPECT_EQ(grid.start(4), 3500ms);
  EXPECT_EQ(RowGrid(flow_of(0s, 2s)).count(), 2u);
  EXPECT_EQ(RowGrid(flow_of(0s, 20ms)).count(), 1u);
  EXPECT_EQ(RowGrid(flow_of(0s, 20ms)).end(0), 20ms);
}

TEST(TcpRows, ARowIsGivenOutWhenAllHaveHandedIn) {
  TwoWorkers two;
  two.rows.hand_in(0, TwoWorkers::bytes(0, 5));
  two.rows.hand_in(1, TwoWorkers::bytes(0, 6));
  EXPECT_TRUE(two.given.empty());
  two.rows.hand_in(0, TwoWorkers::bytes(1, 7));
  ASSERT_EQ(two.given.size(), 1u);
  EXPECT_EQ(two.given[0].streams[0].written, 5u);
  EXPECT_EQ(two.given[0].streams[1].written, 7u);
  EXPECT_TRUE(two.given[0].omitted);
  EXPECT_FALSE(two.given[0].last);
  two.rows.hand_in(1, TwoWorkers::bytes(1, 8));
  ASSERT_EQ(two.given.size(), 2u);
  EXPECT_FALSE(two.given[1].omitted);
  EXPECT_EQ(two.given[1].start, 1s);
  EXPECT_EQ(two.given[1].end, 2s);
}

TEST(TcpRows, TheRemainderComesLast) {
  TwoWorkers two;
  for (std::uint64_t row = 0; row < 4; ++row) {
    two.rows.hand_in(row, TwoWorkers::bytes(0, 1));
    two.rows.hand_in(row, TwoWorkers::bytes(1, 1));
  }
  two.rows.hand_in_last(4, 3600ms, TwoWorkers::bytes(0, 1));
  EXPECT_EQ(two.given.size(), 4u);
  two.rows.hand_in_last(4, 3600ms, TwoWorkers::bytes(1, 2));
  ASSERT_EQ(two.given.size(), 5u);
  EXPECT_TRUE(two.given[4].last);
  EXPECT_EQ(two.given[4].start, 3500ms);
  EXPECT_EQ(two.given[4].end, 3600ms);
  EXPECT_EQ(two.given[4].streams[1].written, 2u);
}

TEST(TcpRows, AnEarlyEndMakesTheRowUnderWayTheLast) {
  TwoWorkers two;
  two.rows.hand_in_last(0, 300ms, TwoWorkers::bytes(0, 1));
  two.rows.hand_in_last(0, 300ms, TwoWorkers::bytes(1, 1));
  ASSERT_EQ(two.given.size(), 1u);
  EXPECT_TRUE(two.given[0].last);
  EXPECT_TRUE(two.given[0].omitted);
  EXPECT_EQ(two.given[0].end, 300ms);
}

TEST(TcpRows, AnEndAtABoundaryThatOnlyOneSawIsAfterIt) {
  for (const bool late_first : {false, true}) {
    TwoWorkers two;
    if (late_first) two.rows.hand_in_last(0, 999ms, TwoWorkers::bytes(0, 1));
    two.rows.hand_in(0, TwoWorkers::bytes(1, 2));
    two.rows.hand_in_last(1, 999ms, TwoWorkers::bytes(1, 3));
    if (!late_first) two.rows.hand_in_last(0, 999ms, TwoWorkers::bytes(0, 1));
    ASSERT_EQ(two.given.size(), 2u);
    EXPECT_FALSE(two.given[0].last);
    EXPECT_EQ(two.given[0].streams[0].written, 1u);
    EXPECT_EQ(two.given[0].streams[1].written, 2u);
    EXPECT_EQ(two.given[0].end, 1s);
    EXPECT_TRUE(two.given[1].last);
    EXPECT_EQ(two.given[1].start, 1s);
    EXPECT_EQ(two.given[1].end, 1s);
    EXPECT_EQ(two.given[1].streams[1].written, 3u);
  }
}

}  // namespace
}  // namespace paceline::traffic
