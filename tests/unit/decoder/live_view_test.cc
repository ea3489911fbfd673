// SPDX-License-Identifier: MIT
#include "decoder/live_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "decoder/histogram.h"

namespace paceline::decoder {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

PacketInterval row(std::uint64_t packets, std::int64_t lost) {
  Histogram histogram;
  for (std::uint64_t i = 0; i < packets; ++i) histogram.record(20'000 + static_cast<std::int64_t>(i));
  PacketInterval row;
  row.end = 1s;
  row.received.packets = packets;
  row.received.bytes = 100 * packets;
  row.received.lost = lost;
  row.statistics.segments[0] = histogram.take();
  row.statistics.segments[1] = row.statistics.segments[0];
  return row;
}

TEST(LiveView, ShowsProgressAndFigures) {
  LiveView view({PacketFlowSpec{.rate_pps = 100, .duration = 10s}});
  view.interval(0, row(90, 10));
  const auto lines = view.frame({.width = 120, .height = 24, .elapsed = 5s});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[0], AllOf(StartsWith("[####################....................]"), HasSubstr(" 50 %, 5 s left")));
  EXPECT_THAT(lines[1], AllOf(HasSubstr("asked/s"), HasSubstr("lost"), HasSubstr("p99")));
  EXPECT_THAT(lines[2],
              AllOf(StartsWith("#1 "), HasSubstr(" 100 "), HasSubstr(" 90 "), HasSubstr("10 %"), HasSubstr("20.0")));
}

TEST(LiveView, FlowsThatComeAndGo) {
  LiveView view;
  view.add(3, PacketFlowSpec{.name = "first", .rate_pps = 100});
  view.add(7, TcpFlowSpec{.name = "second"});
  view.interval(3, row(90, 10));
  TcpInterval megabyte;
  megabyte.end = 1s;
  megabyte.streams.resize(1);
  megabyte.streams[0].received = 1'000'000;
  view.interval(7, megabyte);
  const Screen screen{.width = 120, .height = 24, .headline = "2 flows run"};
  auto lines = view.frame(screen);
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[0], "2 flows run");
  EXPECT_THAT(lines[2], StartsWith("#4 first "));
  EXPECT_THAT(lines[4], AllOf(StartsWith("#8 second "), HasSubstr("8.000 Mbit/s")));
  view.remove(3);
  lines = view.frame(screen);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[2], StartsWith("#8 second "));
}

TEST(LiveView, FitsEveryScreen) {
  std::vector<FlowSpec> flows(40, PacketFlowSpec{.name = "a long name of a flow"});
  LiveView view(flows);
  for (std::size_t i = 0; i < flows.size(); ++i) view.interval(i, row(5, 0));
  for (const std::size_t width : {1U, 20U, 43U, 80U, 132U, 300U}) {
    for (const std::size_t height : {1U, 2U, 5U, 24U}) {
      const auto lines = view.frame({.width = width, .height = height, .elapsed = 1s});
      EXPECT_LE(lines.size(), std::max<std::size_t>(1, height - 1)) << height;
      for (const std::string& line : lines) EXPECT_LE(line.size(), width) << line;
    }
  }
}

}  // namespace
}  // namespace paceline::decoder
