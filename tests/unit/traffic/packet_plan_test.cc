// SPDX-License-Identifier: MIT
#include "traffic/packet_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/unit/traffic/file.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

PacketFlowSpec flow(const std::string& idt, const std::string& size = "512") {
  PacketFlowSpec spec;
  spec.size = 0;
  spec.seed = 1;
  spec.model.emplace();
  spec.model->idt = parse_model(idt, Quantity::time);
  spec.model->size = parse_model(size, Quantity::bytes);
  return spec;
}

PacketFlowSpec trace_flow(const std::string& file) {
  PacketFlowSpec spec;
  spec.size = 0;
  spec.trace = TraceSpec{.file = file};
  return spec;
}

std::string refused(const PacketFlowSpec& spec) {
  return refusal([&] { PacketPlan::of(spec); });
}

double rate(const PacketFlowSpec& spec) { return PacketPlan::of(spec).spec().rate_pps; }
std::uint32_t largest(const PacketFlowSpec& spec) { return PacketPlan::of(spec).spec().size; }

std::vector<std::pair<std::int64_t, std::uint32_t>> slots(const PacketPlan& plan, std::size_t count) {
  std::vector<std::pair<std::int64_t, std::uint32_t>> slots;
  const auto source = plan.source();
  Slot slot;
  while (slots.size() < count && source->next(slot)) slots.emplace_back(slot.due.count(), slot.size);
  return slots;
}

TEST(PacketPlan, AConstantRateStaysAsItIs) {
  PacketFlowSpec spec;
  const PacketPlan plan = PacketPlan::of(spec);
  EXPECT_EQ(plan.spec(), spec);
  EXPECT_EQ(plan.source(), nullptr);
}

TEST(PacketPlan, ExpectedRates) {
  EXPECT_DOUBLE_EQ(rate(flow("1ms")), 1000);
  EXPECT_DOUBLE_EQ(rate(flow("exponential:100us")), 10'000);
  EXPECT_DOUBLE_EQ(rate(flow("poisson:5ms")), 200);
  EXPECT_DOUBLE_EQ(rate(flow("mixture:0.5@1ms,0.5@(exponential:3ms)")), 500);

  PacketFlowSpec bursty = flow("1ms");
  bursty.model->bursts = Bursts{parse_model("exponential:1s", Quantity::time), parse_model("3s", Quantity::time)};
  EXPECT_DOUBLE_EQ(rate(bursty), 250);

  PacketFlowSpec frames = flow("10ms", "2500");
  frames.model->segment = 1000;
  EXPECT_DOUBLE_EQ(rate(frames), 300);

  PacketFlowSpec jittered = flow("1ms");
  jittered.model->jitter = parse_model("normal:0s,stddev=1ms", Quantity::time);
  EXPECT_DOUBLE_EQ(rate(jittered), 1000);
}

// What the expectation is worth: every family's mean gap over a million packets is its rate's, within the sampling
// error that its variance leaves.
TEST(PacketPlan, EveryFamilyKeepsItsRate) {
  const std::vector<std::pair<std::string, double>> families = {
      // and the standard deviation of a gap over its mean
      {"constant:100us", 0},
      {"uniform:min=0,max=200us", 0.58},
      {"exponential:100us", 1},
      {"poisson:100us,unit=1us", 0.1},
      {"pareto:shape=3,scale=66.666666667us", 0.58},
      {"cauchy:location=100us,scale=10us,max=200us", 0.3},
      {"normal:100us,stddev=20us", 0.2},
      {"gamma:shape=2,scale=50us", 0.71},
      {"weibull:shape=2,scale=112.8379us", 0.53},
      {"student:freedom=41.6994,scale=1us,location=100us", 0.01},
      {"discrete:0.25@40us,0.75@120us", 0.35},
      {"mixture:0.6@(exponential:50us),0.4@175us", 0.75},
  };
  for (const auto& [text, deviation] : families) {
    const PacketPlan plan = PacketPlan::of(flow(text));
    EXPECT_NEAR(plan.spec().rate_pps, 10'000, 150) << text;
    const auto source = plan.source();
    Slot slot;
    constexpr int kPackets = 1'000'000;
    for (int i = 0; i < kPackets; ++i) source->next(slot);
    const double error = source->drawn().mean_gap * plan.spec().rate_pps - 1;
    EXPECT_LE(std::abs(error), 4 * deviation / std::sqrt(kPackets) + 1e-6) << text;
  }
}

TEST(PacketPlan, LargestSizes) {
  EXPECT_EQ(largest(flow("1ms", "512")), 512u);
  EXPECT_EQ(largest(flow("1ms", "uniform:min=100,max=320")), 320u);
  EXPECT_EQ(largest(flow("1ms", "discrete:0.83@27,0.17@35")), 35u);
  EXPECT_EQ(largest(flow("1ms", "normal:512,stddev=64")), 512u + 12 * 64);
  EXPECT_EQ(largest(flow("1ms", "exponential:20k")), PacketFlowSpec::kMaxSize);
  EXPECT_EQ(largest(flow("1ms", "exponential:512,max=1400")), 1400u);

  PacketFlowSpec capped = flow("1ms", "exponential:512");
  capped.size = 1000;
  EXPECT_EQ(largest(capped), 1000u);
  for (const auto& [due, size] : slots(PacketPlan::of(capped), 10'000)) ASSERT_LE(size, 1000u);

  PacketFlowSpec frames = flow("1ms", "normal:60k,stddev=6k");
  frames.model->segment = 1200;
  frames.model->overhead = 12;
  EXPECT_EQ(largest(frames), 1212u);
}

TEST(PacketPlan, WhatHasNoMeanIsRefusedUnlessABoundGivesItOne) {
  EXPECT_THAT(refused(flow("cauchy:location=1ms,scale=1ms")),
              AllOf(HasSubstr("the time between packets 'cauchy:location=1ms,scale=1ms' has no mean"),
                    HasSubstr("max= gives it one")));
  EXPECT_THAT(refused(flow("pareto:shape=0.95,scale=1.1ms")), HasSubstr("has no mean"));
  EXPECT_THAT(refused(flow("student:freedom=1,scale=1ms,location=1ms")), HasSubstr("has no mean"));
  EXPECT_EQ(refused(flow("pareto:shape=0.95,scale=1.1ms,max=10s")), "accepted");
  EXPECT_EQ(refused(flow("1ms", "pareto:shape=0.95,scale=100")), "accepted");  // no rate hangs on it

  PacketFlowSpec files = flow("1s", "pareto:shape=0.95,scale=100k");
  files.model->segment = 1400;
  EXPECT_THAT(refused(files), HasSubstr("the packet size 'pareto:shape=0.95,scale=100000' has no mean"));

  PacketFlowSpec bursty = flow("1ms");
  bursty.model->bursts =
      Bursts{parse_model("1s", Quantity::time), parse_model("pareto:shape=1,scale=1s", Quantity::time)};
  EXPECT_THAT(refused(bursty), HasSubstr("the off period 'pareto:shape=1,scale=1s' has no mean"));
}

TEST(PacketPlan, WhatHardlyEverFitsIsRefused) {
  EXPECT_THAT(refused(flow("normal:-10ms,stddev=1ms")),
              HasSubstr("less than 1 % of its values are of use: allowed is at least 0s"));
  EXPECT_THAT(refused(flow("1ms", "10")), HasSubstr("allowed is at least 18 and at most 65507"));
  EXPECT_THAT(refused(flow("1ms", "normal:5,stddev=2")), HasSubstr("the packet size 'normal:mean=5,stddev=2'"));
  EXPECT_THAT(refused(flow("1ms", "70000")), HasSubstr("at most 65507"));
  EXPECT_THAT(refused(flow("exponential:1ms,min=1s")), HasSubstr("less than 1 %"));
  PacketFlowSpec jittered = flow("1ms");
  jittered.model->jitter = parse_model("exponential:1ms,min=1s", Quantity::time);
  EXPECT_THAT(refused(jittered), HasSubstr("the jitter 'exponential:mean=1ms,min=1s': less than 1 %"));
  EXPECT_THAT(refused(jittered), HasSubstr("allowed is what min= and max= leave"));
}

TEST(PacketPlan, RatesBeyondReasonAreRefused) {
  EXPECT_THAT(refused(flow("0s")), HasSubstr("means more than 100M packets/s"));
  EXPECT_THAT(refused(flow("1ns")), HasSubstr("means more than 100M packets/s"));
  PacketFlowSpec bursty = flow("1s");
  bursty.model->bursts = Bursts{parse_model("1us", Quantity::time), parse_model("1us", Quantity::time)};
  EXPECT_THAT(refused(bursty), HasSubstr("the on period 'constant:1us' is less than a thousandth"));
}

TEST(PacketPlan, SegmentsMustHoldTheHeaderAndFit) {
  PacketFlowSpec frames = flow("1ms", "60k");
  frames.model->segment = 10;
  EXPECT_THAT(refused(frames), HasSubstr("segment 10 and overhead 0 are less than the packet header"));
  frames.model->overhead = 8;
  EXPECT_EQ(refused(frames), "accepted");
  frames.size = 1000;
  frames.model->segment = 993;
  EXPECT_THAT(refused(frames), HasSubstr("segment 993 and overhead 8 are more than the largest packet, of 1000 bytes"));
  frames.model->overhead = std::numeric_limits<std::uint32_t>::max();
  EXPECT_THAT(refused(frames), HasSubstr("are more than the largest packet"));
}

TEST(PacketPlan, WhatAProgramPutTogetherWronglyIsRefused) {
  PacketFlowSpec spec = flow("1ms");
  spec.model->idt.family = model::Exponential{-1};
  EXPECT_THAT(refused(spec), HasSubstr("mean is '-1s': it must be above 0"));
  spec.model->idt.family = model::Exponential{std::numeric_limits<double>::quiet_NaN()};
  EXPECT_THAT(refused(spec), HasSubstr("'?' is not a time"));
  spec.model->idt.family = model::Empirical{};
  EXPECT_THAT(refused(spec), HasSubstr("a file's name was expected"));
  spec = flow("1ms");
  spec.trace = TraceSpec{};
  EXPECT_THAT(refused(spec), HasSubstr("either a model or a trace"));
}

TEST(PacketPlan, ASeedIsChosenAndTold) {
  PacketFlowSpec spec = flow("exponential:1ms");
  spec.seed = 0;
  const PacketPlan one = PacketPlan::of(spec), other = PacketPlan::of(spec);
  EXPECT_NE(one.spec().seed, 0u);
  EXPECT_NE(one.spec().seed, other.spec().seed);
  EXPECT_NE(slots(one, 100), slots(other, 100));
  spec.seed = 42;
  EXPECT_EQ(PacketPlan::of(spec).spec().seed, 42u);

  PacketFlowSpec constant;
  EXPECT_EQ(PacketPlan::of(constant).spec().seed, 0u);
  constant.payload = Payload::random;
  EXPECT_NE(PacketPlan::of(constant).spec().seed, 0u);
}

// A result tells its specification: run again, it gives the same packets.
TEST(PacketPlan, WhatWasToldGivesTheSamePackets) {
  PacketFlowSpec spec = flow("gamma:shape=2,scale=1ms", "normal:512,stddev=64");
  spec.seed = 0;
  const PacketPlan first = PacketPlan::of(spec);
  const PacketPlan again = PacketPlan::of(first.spec());
  EXPECT_EQ(again.spec(), first.spec());
  EXPECT_EQ(slots(again, 10'000), slots(first, 10'000));
  EXPECT_EQ(slots(first, 10'000), slots(first, 10'000));  // from the start each time
}

TEST(PacketPlan, EmpiricalFilesAreReadAndOnlyNamedInTheSpecification) {
  const TestFile file("100 1\n200 3\n");
  const PacketPlan plan = PacketPlan::of(flow("1ms", "empirical:" + file.path()));
  EXPECT_EQ(plan.spec().size, 200u);
  EXPECT_EQ(plan.spec().model->size, parse_model("empirical:" + file.path(), Quantity::bytes));
  int large = 0;
  for (const auto& [due, size] : slots(plan, 10'000)) large += size == 200;
  EXPECT_NEAR(large, 7500, 4 * 43);

  const TestFile wrong("100\n20O\n", "wrong");
  EXPECT_THAT(refused(flow("1ms", "empirical:" + wrong.path())), HasSubstr(wrong.path() + ":2:1: '20O' is not a size"));
}

TEST(PacketPlan, TracesRatesAndSizes) {
  const TestFile file("0,100\n0.001,1000\n0.003,40\n");
  PacketFlowSpec spec = trace_flow(file.path());
  const PacketPlan plan = PacketPlan::of(spec);
  EXPECT_DOUBLE_EQ(plan.spec().rate_pps, 500);
  EXPECT_EQ(plan.spec().size, 1000u);
  EXPECT_EQ(slots(plan, 9),
            (std::vector<std::pair<std::int64_t, std::uint32_t>>{{0, 100}, {1'000'000, 1000}, {4'000'000, 40}}));

  spec.trace->speed = 2;
  spec.trace->size_factor = 0.5;
  spec.trace->repeat = true;
  EXPECT_DOUBLE_EQ(rate(spec), 1000);
  EXPECT_EQ(largest(spec), 500u);
  spec.size = 300;
  EXPECT_EQ(largest(spec), 300u);
  EXPECT_EQ(slots(PacketPlan::of(spec), 7).size(), 7u);
}

TEST(PacketPlan, TracesThatCannotBePlayedAreRefused) {
  const TestFile at_once("0,100\n0,100\n");
  PacketFlowSpec spec = trace_flow(at_once.path());
  EXPECT_EQ(refused(spec), "accepted");
  EXPECT_GT(rate(spec), 0);
  spec.trace->repeat = true;
  EXPECT_THAT(refused(spec), HasSubstr("all its packets come at once, so it cannot be repeated"));
  spec.trace->repeat = false;
  spec.trace->speed = 0;
  EXPECT_THAT(refused(spec), HasSubstr("speed is 0.000000: it must be above 0"));
  spec.trace->speed = 1;
  spec.trace->size_factor = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(refused(spec), HasSubstr("size factor is"));
}

TEST(PacketPlan, FlowsOfOneTraceShareIt) {
  const TestFile file("0,100\n0.001,1000\n");
  TraceCache cache;
  PacketPlan::of(trace_flow(file.path()), &cache);
  ASSERT_EQ(cache.size(), 1u);
  const auto trace = cache.begin()->second;
  const PacketPlan one = PacketPlan::of(trace_flow(file.path()), &cache);
  const PacketPlan other = PacketPlan::of(trace_flow(file.path()), &cache);
  EXPECT_EQ(trace.use_count(), 4);  // here, the cache, and the two plans
  EXPECT_EQ(slots(one, 9), slots(other, 9));
}

}  // namespace
}  // namespace paceline::traffic
