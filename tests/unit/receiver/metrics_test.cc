// SPDX-License-Identifier: MIT
#include "receiver/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "receiver/limit_names.h"

namespace paceline::receiver {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

const Metrics::Time kNow = std::chrono::steady_clock::now();

Distribution of(const std::vector<std::int64_t>& values) {
  Distribution all;
  for (const std::int64_t value : values) {
    Distribution one;
    one.count = 1;
    one.sum = static_cast<uint128>(static_cast<int128>(value));
    one.min = one.max = value;
    one.buckets = {{buckets::index_of(value), 1}};
    all.merge(one);
  }
  return all;
}

PacketFlowResult packet_flow(std::uint32_t id) {
  PacketFlowResult flow;
  flow.flow_id = id;
  return flow;
}

PacketInterval arrived(std::uint64_t packets, std::int64_t lost) {
  PacketInterval interval;
  interval.received.packets = packets;
  interval.received.bytes = packets * 100;
  interval.received.lost = lost;
  return interval;
}

TEST(DelayBuckets, CountUpToAndWithTheirEdges) {
  DelayBuckets delays;
  delays.add(of({-5, 0, 1, 10'000, 10'100, 20'000'000'000}));
  EXPECT_EQ(delays.up_to(0), 2u);  // what is negative, and 0
  EXPECT_EQ(delays.up_to(1), 4u);  // 10 us itself
  EXPECT_EQ(delays.up_to(2), 5u);
  EXPECT_EQ(delays.up_to(DelayBuckets::kEdges.size() - 1), 5u);
  EXPECT_EQ(delays.count(), 6u);
  EXPECT_DOUBLE_EQ(delays.sum_seconds(), (20'000'000'000 + 10'000 + 10'100 - 4) / 1e9);
}

TEST(MetricsText, EscapesWhatALabelMayNotHave) {
  MetricsText text;
  text.gauge("g", "Help.");
  text.sample(std::uint64_t{1}, {{"a", "q\"b\\n\n\x1b[31m"}, {"b", ""}});
  EXPECT_EQ(text.take(), "# HELP g Help.\n# TYPE g gauge\ng{a=\"q\\\"b\\\\n\\n?[31m\",b=\"\"} 1\n");
}

TEST(RisingSum, MakesUpForWhatWasTakenBackFirst) {
  RisingSum sum;
  sum.add(5);
  sum.add(-3);
  EXPECT_EQ(sum.value(), 5u);
  sum.add(4);
  EXPECT_EQ(sum.value(), 6u);
}

TEST(Metrics, ALateArrivalTakesALossBackAndNoCounterDown) {
  Metrics metrics;
  metrics.flow_started(packet_flow(7));
  metrics.interval(7, arrived(8, 2));
  EXPECT_THAT(metrics.text(kNow), HasSubstr("\npaceline_expected_packets_total 10\n"));
  metrics.interval(7, arrived(2, -2));
  const std::string text = metrics.text(kNow);
  EXPECT_THAT(text, HasSubstr("\npaceline_expected_packets_total 10\n"));
  EXPECT_THAT(text, HasSubstr("\npaceline_received_packets_total 10\n"));
  EXPECT_THAT(text, HasSubstr("\npaceline_flow_received_packets_total{flow=\"00000007\"} 10\n"));
}

TEST(Metrics, AWarmUpCountsNowhereAsInResults) {
  Metrics metrics;
  metrics.flow_started(packet_flow(7));
  PacketInterval warm_up = arrived(8, 0);
  warm_up.omitted = true;
  metrics.interval(7, warm_up);
  EXPECT_THAT(metrics.text(kNow), HasSubstr("\npaceline_received_packets_total 0\n"));
}

TEST(Metrics, AFlowsOwnSeriesGoAMinuteAfterItsEnd) {
  Metrics metrics;
  metrics.flow_started(packet_flow(7));
  metrics.flow_over(7, "complete", kNow);
  EXPECT_THAT(metrics.text(kNow + Metrics::kKept), HasSubstr("flow=\"00000007\""));
  EXPECT_THAT(metrics.text(kNow + Metrics::kKept + 1s), Not(HasSubstr("flow=\"00000007\"")));
  EXPECT_THAT(metrics.text(kNow), HasSubstr("paceline_flows_ended_total{kind=\"packets\",end=\"complete\"} 1\n"));
}

TEST(Metrics, OnlySoManyFlowsHaveSeriesAndTheSumsHaveAll) {
  Metrics metrics;
  for (std::uint32_t id = 1; id <= Metrics::kMostFlows + 1; ++id) {
    metrics.flow_started(packet_flow(id));
    metrics.interval(id, arrived(1, 0));
  }
  const std::string text = metrics.text(kNow);
  EXPECT_THAT(text, HasSubstr("flow=\"00000064\""));
  EXPECT_THAT(text, Not(HasSubstr("flow=\"00000065\"")));
  EXPECT_THAT(text, HasSubstr("\npaceline_flows_unlisted 1\n"));
  EXPECT_THAT(text, HasSubstr("\npaceline_received_packets_total 101\n"));
  metrics.flow_gone(1);  // makes room
  metrics.flow_started(packet_flow(0x1000));
  EXPECT_THAT(metrics.text(kNow), HasSubstr("flow=\"00001000\""));
}

TEST(LimitNames, AreFoundInARefusalAndNothingElseIs) {
  EXPECT_EQ(limit_named_in("the receiver has 3 flows, its limit (flows)"), "flows");
  EXPECT_EQ(limit_named_in("beyond the receiver's limit of 5 (rate): give it a rate"), "rate");
  EXPECT_EQ(limit_named_in("from your address already, its limit (sessions per client)"), "sessions per client");
  EXPECT_EQ(limit_named_in("a peer's own (words)"), "other");
}

}  // namespace
}  // namespace paceline::receiver
