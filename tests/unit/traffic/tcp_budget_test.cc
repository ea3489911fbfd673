// SPDX-License-Identifier: MIT
#include "traffic/tcp_budget.h"

#include <gtest/gtest.h>

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

TEST(TcpBudget, WholeIntervalsHoldWhatWasAskedFor) {
  const TcpBudget budget(500e6, 10s, 1448);
  EXPECT_EQ(budget.due(-1ns), 0u);
  EXPECT_EQ(budget.due(0ns), 62'500u);  // a tick of 1 ms
  EXPECT_EQ(budget.due(999'999ns), 62'500u);
  EXPECT_EQ(budget.due(1ms), 125'000u);
  EXPECT_EQ(budget.due(1s - 1ns), 62'500'000u);
  EXPECT_EQ(budget.next(0ns), 1ms);
  EXPECT_EQ(budget.next(1ms), 2ms);
  EXPECT_EQ(budget.next(1'500us), 2ms);
}

TEST(TcpBudget, NothingIsDueForTheTimeAfterTheFlow) {
  const TcpBudget budget(8e9, 10'500us, 1448);
  EXPECT_EQ(budget.due(10ms), 10'500'000u);
  EXPECT_EQ(budget.due(1h), 10'500'000u);
}

TEST(TcpBudget, SlowStreamsWakeUpLess) {
  EXPECT_EQ(TcpBudget(1448 * 8 * 200, 1s, 1448).next(0ns), 5ms);  // 200 segments a second
  EXPECT_EQ(TcpBudget(1000, 1s, 1448).next(0ns), 10ms);
}

TEST(TcpBudget, IsExactAtBothEnds) {
  EXPECT_EQ(TcpBudget(1, 72h, 1448).due(72h), 32'400u);
  const TcpBudget fastest(1e13, 72h, 1448);
  EXPECT_EQ(fastest.due(72h), 324'000'000'000'000'000u);
  EXPECT_EQ(fastest.due(0ns), 1'250'000'000u);
}

}  // namespace
}  // namespace paceline::traffic
