// SPDX-License-Identifier: MIT
#include "traffic/connection_rows.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

struct Told : ConnectionLoadListener {
  std::vector<ConnectionInterval> rows;
  void interval(ConnectionInterval&& row) override { rows.push_back(std::move(row)); }
  void finished(ConnectionLoadOutcome&&) override {}
};

ConnectionFlowSpec flow(nanoseconds duration, nanoseconds omit = 0s) {
  ConnectionFlowSpec spec;
  spec.duration = duration;
  spec.omit = omit;
  spec.interval = 1s;
  return spec;
}

Exchanges started(std::uint64_t count) {
  Exchanges share;
  share.started = count;
  share.failed[1] = 1;
  return share;
}

TEST(ConnectionRows, ARowIsToldWhenAllWorkersHandedItIn) {
  Told told;
  ConnectionRows rows(flow(2s), 2, told);
  EXPECT_EQ(rows.rows(), 2u);
  rows.hand_in(0, started(1));
  rows.hand_in(1, started(2));
  EXPECT_TRUE(told.rows.empty());
  rows.hand_in(0, started(10));
  ASSERT_EQ(told.rows.size(), 1u);
  EXPECT_EQ(told.rows[0].exchanges.started, 11u);
  EXPECT_EQ(told.rows[0].exchanges.failures(), 2u);
  EXPECT_EQ(told.rows[0].end, 1s);
  EXPECT_FALSE(told.rows[0].last);
}

TEST(ConnectionRows, TheRemainderIsTheLast) {
  Told told;
  ConnectionRows rows(flow(1500ms, 1s), 2, told);
  ASSERT_EQ(rows.rows(), 3u);
  EXPECT_EQ(rows.end_of(2), 2500ms);
  for (std::uint64_t row = 0; row < 3; ++row) {
    rows.hand_in(row, started(1));
    rows.hand_in(row, started(1));
  }
  EXPECT_FALSE(rows.finish(3, started(4), 2600ms));
  EXPECT_TRUE(rows.finish(3, started(5), 2700ms));
  ASSERT_EQ(told.rows.size(), 4u);
  EXPECT_TRUE(told.rows[0].omitted);
  EXPECT_FALSE(told.rows[1].omitted);
  EXPECT_EQ(told.rows[2].end, 2500ms);
  EXPECT_FALSE(told.rows[2].last);
  EXPECT_EQ(told.rows[3].start, 2500ms);
  EXPECT_EQ(told.rows[3].end, 2700ms);
  EXPECT_TRUE(told.rows[3].last);
  EXPECT_EQ(told.rows[3].exchanges.started, 9u);
}

TEST(ConnectionRows, WorkersMayFinishInDifferentRows) {
  Told told;
  ConnectionRows rows(flow(10s), 2, told);
  EXPECT_FALSE(rows.finish(0, started(1), 100ms));
  EXPECT_TRUE(told.rows.empty());
  rows.hand_in(0, started(2));
  rows.hand_in(1, started(3));
  ASSERT_EQ(told.rows.size(), 2u);
  EXPECT_EQ(told.rows[0].exchanges.started, 3u);
  EXPECT_EQ(told.rows[1].exchanges.started, 3u);
  EXPECT_TRUE(rows.finish(2, started(4), 2300ms));
  ASSERT_EQ(told.rows.size(), 3u);
  EXPECT_EQ(told.rows[2].start, 2s);
  EXPECT_EQ(told.rows[2].end, 2300ms);
  EXPECT_TRUE(told.rows[2].last);
}

TEST(ConnectionRows, RowsThatWaitForTheLastWorkerAreToldWhenItFinishes) {
  Told told;
  ConnectionRows rows(flow(10s), 2, told);
  rows.hand_in(0, started(1));
  EXPECT_FALSE(rows.finish(1, started(2), 1200ms));
  EXPECT_TRUE(rows.finish(0, started(3), 900ms));
  ASSERT_EQ(told.rows.size(), 2u);
  EXPECT_EQ(told.rows[0].exchanges.started, 4u);
  EXPECT_FALSE(told.rows[0].last);
  EXPECT_EQ(told.rows[1].exchanges.started, 2u);
  EXPECT_TRUE(told.rows[1].last);
}

}  // namespace
}  // namespace paceline::traffic
