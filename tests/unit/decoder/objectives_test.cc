// SPDX-License-Identifier: MIT
#include "decoder/objectives.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "decoder/histogram.h"
#include "paceline/error.h"

namespace paceline::decoder {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

Distribution of(const std::vector<std::int64_t>& values) {
  Histogram histogram;
  for (const std::int64_t value : values) histogram.record(value);
  return histogram.take();
}

Objective objective(Metric metric, Statistic statistic, double limit, bool at_least = false, double percentile = 0) {
  return {metric, statistic, percentile, at_least, limit};
}

PacketFlowResult packets(std::vector<std::int64_t> delays, std::int64_t lost = 0) {
  PacketFlowResult flow;
  flow.received.packets = delays.size();
  flow.received.bytes = 100 * delays.size();
  flow.received.lost = lost;
  flow.statistics.segments[1] = of(delays);
  flow.last_arrival = 1s;
  return flow;
}

ObjectiveResult judge_one(const std::vector<FlowResult>& flows, const std::string& text) {
  SliceSpec slice{"slice", {}, {parse_objective(text)}};
  for (std::size_t i = 0; i < flows.size(); ++i) slice.flows.push_back(i);
  return judge({slice}, flows).at(0).objectives.at(0);
}

TEST(ParseObjective, EachFormIsTaken) {
  EXPECT_EQ(parse_objective("p99 < 2ms"), objective(Metric::delay, Statistic::percentile, 2e6, false, 99));
  EXPECT_EQ(parse_objective("p99.9<500us"), objective(Metric::delay, Statistic::percentile, 5e5, false, 99.9));
  EXPECT_EQ(parse_objective("  delay   mean <= 1ms "), objective(Metric::delay, Statistic::mean, 1e6));
  EXPECT_EQ(parse_objective("round_trip p50 < 3ms"),
            objective(Metric::round_trip, Statistic::percentile, 3e6, false, 50));
  EXPECT_EQ(parse_objective("ipdv max < 1s"), objective(Metric::ipdv, Statistic::max, 1e9));
  EXPECT_EQ(parse_objective("stddev > 10us"), objective(Metric::delay, Statistic::stddev, 1e4, true));
  EXPECT_EQ(parse_objective("loss < 0.1%"), objective(Metric::loss, Statistic::value, 0.001));
  EXPECT_EQ(parse_objective("loss < 0.001"), objective(Metric::loss, Statistic::value, 0.001));
  EXPECT_EQ(parse_objective("throughput > 10M"), objective(Metric::throughput, Statistic::value, 1e7, true));
}

TEST(ParseObjective, WhatIsWrongIsSaidWithItsColumn) {
  const auto refusal = [](const char* text) -> std::string {
    try {
      parse_objective(text);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal("delay < 2ms"), AllOf(HasSubstr("column 7"), HasSubstr("which delay?")));
  EXPECT_THAT(refusal("latency p99 < 2ms"), AllOf(HasSubstr("column 1"), HasSubstr("'latency' is not known")));
  EXPECT_THAT(refusal("p101 < 2ms"), HasSubstr("'p101' is not known"));
  EXPECT_THAT(refusal("p99 = 2ms"), AllOf(HasSubstr("column 5"), HasSubstr("'=' stands where < or >")));
  EXPECT_THAT(refusal("p99 <"), AllOf(HasSubstr("column 6"), HasSubstr("limit is missing")));
  EXPECT_THAT(refusal("p99 < 2 ms"), AllOf(HasSubstr("column 9"), HasSubstr("'ms' follows the limit")));
  EXPECT_THAT(refusal("p99 < -2ms"), AllOf(HasSubstr("column 7"), HasSubstr("negative")));
  EXPECT_THAT(refusal("p99 < 10M"), AllOf(HasSubstr("column 7"), HasSubstr("duration")));
  EXPECT_THAT(refusal("loss p99 < 1%"), HasSubstr("'p99' stands where"));
  EXPECT_THAT(refusal("loss < 101%"), HasSubstr("0 to 100%"));
  EXPECT_THAT(refusal("throughput > fast"), HasSubstr("bitrate"));
  EXPECT_THAT(refusal(""), HasSubstr("not known"));
}

TEST(ParseObjective, ReadsWhatIsWritten) {
  for (const char* text :
       {"delay p99 < 2ms", "delay p99.9 < 1.5us", "round_trip mean < 3s", "ipdv stddev > 7ns", "delay min > 0s",
        "loss < 0.1%", "loss < 0%", "throughput > 10M", "throughput < 1.5G", "throughput > 999"}) {
    EXPECT_EQ(to_string(parse_objective(text)), text);
    EXPECT_EQ(parse_objective(to_string(parse_objective(text))), parse_objective(text));
  }
}

TEST(Judge, DelaysOfAllFlowsAreOneDistribution) {
  const std::vector<FlowResult> flows{packets({100, 200}), packets({300, 1000})};
  const auto p50 = judge_one(flows, "p50 < 250ns");
  EXPECT_TRUE(p50.measured);
  EXPECT_EQ(p50.value, 200);
  EXPECT_TRUE(p50.met);
  EXPECT_DOUBLE_EQ(p50.margin, 0.2);
  const auto max = judge_one(flows, "max < 500ns");
  EXPECT_EQ(max.value, 1000);
  EXPECT_FALSE(max.met);
  EXPECT_DOUBLE_EQ(max.margin, -1);
  EXPECT_EQ(judge_one(flows, "mean < 1us").value, 400);
  EXPECT_EQ(judge_one(flows, "min > 50ns").margin, 1);
}

TEST(Judge, ALimitIsMetByItself) {
  EXPECT_TRUE(judge_one({packets({100})}, "max < 100ns").met);
  EXPECT_TRUE(judge_one({packets({100})}, "min > 100ns").met);
  const auto none_lost = judge_one({packets({100})}, "loss < 0");
  EXPECT_TRUE(none_lost.met);
  EXPECT_EQ(none_lost.margin, 0);
  EXPECT_EQ(judge_one({packets({100}, 1)}, "loss < 0").margin, -std::numeric_limits<double>::infinity());
}

TEST(Judge, FlatOutDelaysAreFromTheActualSend) {
  PacketFlowResult flow = packets({});
  flow.statistics.segments[0] = of({70});
  EXPECT_EQ(judge_one({flow, packets({90})}, "max < 1ms").value, 90);
  EXPECT_EQ(judge_one({flow, packets({90})}, "min < 1ms").value, 70);
}

TEST(Judge, LossIsOfAllThatWasExpected) {
  const auto loss = judge_one({packets({1, 2, 3}), packets({1, 2, 3, 4}, 1)}, "loss < 25%");
  EXPECT_DOUBLE_EQ(loss.value, 0.125);
  EXPECT_DOUBLE_EQ(loss.margin, 0.5);
}

TEST(Judge, IpdvHasNoSign) {
  PacketFlowResult flow;
  flow.statistics.ipdv = of({-1000, 200, 100, -300});
  EXPECT_EQ(judge_one({flow}, "ipdv max < 1us").value, 1000);
  EXPECT_EQ(judge_one({flow}, "ipdv min < 1us").value, 100);
  EXPECT_EQ(judge_one({flow}, "ipdv p50 < 1us").value, 200);
  EXPECT_EQ(judge_one({flow}, "ipdv mean < 1us").value, 400);
  EXPECT_DOUBLE_EQ(judge_one({flow}, "ipdv stddev < 1us").value, of({1000, 200, 100, 300}).stddev());
}

TEST(Judge, IpdvOfOneSignIsExactAtItsEnds) {
  PacketFlowResult flow;
  flow.statistics.ipdv = of({-5'000'001, -7'000'003});
  EXPECT_EQ(judge_one({flow}, "ipdv min < 1s").value, 5'000'001);
  EXPECT_EQ(judge_one({flow}, "ipdv max < 1s").value, 7'000'003);
  EXPECT_NEAR(judge_one({flow}, "ipdv mean < 1s").value, 6'000'002, 6'000);
}

TEST(Judge, ThroughputCountsTheFlowsOwnStarts) {
  PacketFlowResult packet = packets(std::vector<std::int64_t>(11, 1));  // 1,000 bytes in the second after the first
  EXPECT_DOUBLE_EQ(judge_one({packet}, "throughput > 1k").value, 8000);
  PacketFlowResult later = packet;
  later.spec.delay = 1s;
  EXPECT_DOUBLE_EQ(judge_one({packet, later}, "throughput > 1k").value, 2100 * 8 / 2.0);

  TcpFlowResult stream;
  stream.received = 5000;
  stream.spec.omit = 1s;
  stream.last_arrival = 2s;
  EXPECT_DOUBLE_EQ(judge_one({stream}, "throughput > 1k").value, 40'000);
  EXPECT_DOUBLE_EQ(judge_one({packet, stream}, "throughput > 1k").value, (1000 + 5000) * 8 / 2.0);
}

TEST(Judge, RoundTripsAndEchoesOfKernels) {
  PacketFlowResult echoed;
  echoed.spec.transport = Transport::icmp;
  echoed.round_trip.emplace();
  echoed.round_trip->received.packets = 3;
  echoed.round_trip->received.lost = 1;
  echoed.round_trip->statistics.segments[1] = of({400, 500, 600});
  EXPECT_EQ(judge_one({echoed}, "round_trip max < 1ms").value, 600);
  EXPECT_DOUBLE_EQ(judge_one({echoed}, "loss < 1%").value, 0.25);
  EXPECT_FALSE(judge_one({echoed}, "max < 1ms").measured);
}

TEST(Judge, WhatWasNotMeasuredIsNotMet) {
  const std::vector<FlowResult> none{TcpFlowResult{}, ConnectionFlowResult{}};
  for (const char* text : {"p99 < 2ms", "round_trip p99 < 2ms", "ipdv p99 < 2ms", "loss < 1%", "throughput > 0"}) {
    const auto result = judge_one(none, text);
    EXPECT_FALSE(result.measured) << text;
    EXPECT_FALSE(result.met) << text;
    EXPECT_NE(result.reason, "") << text;
  }
  EXPECT_THAT(judge_one({packets({1})}, "round_trip p99 < 2ms").reason, HasSubstr("meter = round_trip"));
}

TEST(Judge, EachSliceHasItsOwnFlows) {
  const std::vector<FlowResult> flows{packets({100}), packets({900})};
  const Objective below{Metric::delay, Statistic::max, 0, false, 500};
  const auto results = judge({{"a", {0}, {below}}, {"b", {1}, {below}}, {"c", {0, 1}, {}}}, flows);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_TRUE(results[0].met());
  EXPECT_FALSE(results[1].met());
  EXPECT_TRUE(results[2].met()) << "nothing was asked";
  EXPECT_EQ(results[1].spec.name, "b");
}

}  // namespace
}  // namespace paceline::decoder
