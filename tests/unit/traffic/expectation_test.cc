// SPDX-License-Identifier: MIT
#include "traffic/expectation.h"

#include <gtest/gtest.h>

#include <boost/math/distributions.hpp>
#include <cmath>
#include <string>

#include "tests/unit/traffic/goodness.h"

namespace paceline::traffic {
namespace {

Model time_model(const std::string& text) { return parse_model(text, Quantity::time); }

TEST(Expectation, NothingIsDrawnOutsideTheSupport) {
  for (const char* text :
       {"constant:5", "uniform:min=-1,max=3", "exponential:1", "poisson:1,unit=1", "poisson:100,unit=1",
        "pareto:shape=0.5,scale=2", "cauchy:location=0,scale=1", "normal:1,stddev=2", "gamma:shape=0.3,scale=2",
        "gamma:shape=9,scale=2", "weibull:shape=0.5,scale=2", "student:freedom=3", "discrete:0.5@1,0.5@9",
        "mixture:0.5@(uniform:min=1,max=2),0.5@7", "normal:1,stddev=2,min=0,max=3"}) {
    const Range range = support(time_model(text), Quantity::time);
    for (const double number : draw_many(text)) ASSERT_TRUE(number >= range.least && number <= range.most) << text;
  }
  EXPECT_EQ(support(time_model("discrete:0@0,0.5@1,0.5@9,0@100"), Quantity::time), (Range{1, 9}));
  EXPECT_EQ(support(time_model("normal:512,stddev=64"), Quantity::time), (Range{512 - 768, 512 + 768}));
}

TEST(Expectation, MeansAreExactWhereNothingIsCutOff) {
  EXPECT_EQ(expected_mean(time_model("exponential:1ms"), Quantity::time, {.least = 0}), 1e-3);
  EXPECT_EQ(expected_mean(time_model("normal:10ms,stddev=0.5ms"), Quantity::time, {.least = 0}), 10e-3);
  EXPECT_EQ(expected_mean(time_model("student:freedom=40,scale=0.1ms,location=1ms"), Quantity::time, {.least = 0}),
            1e-3);
  EXPECT_EQ(expected_mean(time_model("pareto:shape=1.1,scale=1ms"), Quantity::time, {.least = 0}),
            mean(time_model("pareto:shape=1.1,scale=1ms")));
}

TEST(Expectation, TruncatedMeansAreThoseOfTheTruncatedDistribution) {
  // A normal distribution above 0, by the inverse Mills ratio.
  const boost::math::normal_distribution<> normal;
  const double truncated = 1e-3 + 2e-3 * pdf(normal, -0.5) / cdf(complement(normal, -0.5));
  EXPECT_NEAR(expected_mean(time_model("normal:1ms,stddev=2ms"), Quantity::time, {.least = 0}).value(), truncated,
              0.01 * truncated);
  // An exponential one below its mean.
  const double e = std::exp(1.0);
  EXPECT_NEAR(expected_mean(time_model("exponential:1ms,max=1ms"), Quantity::time).value(), (e - 2) / (e - 1) * 1e-3,
              1e-5);
  EXPECT_NEAR(expected_mean(time_model("mixture:1@(exponential:1ms,max=1ms)"), Quantity::time).value(),
              (e - 2) / (e - 1) * 1e-3, 1e-5);
}

TEST(Expectation, WhatHasNoMeanNeedsBounds) {
  const auto of = [](const std::string& text, Range range = {.least = 0}) {
    return expected_mean(time_model(text), Quantity::time, range);
  };
  EXPECT_EQ(of("cauchy:location=1ms,scale=1ms"), std::nullopt);
  EXPECT_EQ(of("pareto:shape=1,scale=1ms"), std::nullopt);
  EXPECT_EQ(of("student:freedom=1"), std::nullopt);
  EXPECT_EQ(of("mixture:0.5@1ms,0.5@(pareto:shape=0.5,scale=1ms)"), std::nullopt);
  EXPECT_EQ(of("cauchy:location=1ms,scale=1ms,max=1", {}), std::nullopt);
  EXPECT_TRUE(of("cauchy:location=1ms,scale=1ms,max=1"));
  EXPECT_TRUE(of("cauchy:location=1ms,scale=1ms,min=-1,max=1", {}));
  EXPECT_TRUE(of("pareto:shape=1,scale=1ms,max=1", {}));
  EXPECT_TRUE(of("mixture:0.5@1ms,0.5@(pareto:shape=0.5,scale=1ms,max=1)"));
  EXPECT_TRUE(of("mixture:0.5@1ms,0.5@(pareto:shape=0.5,scale=1ms),max=1"));
  // Pareto's below max: the integral of x f(x) over the share that is kept.
  EXPECT_NEAR(of("pareto:shape=1,scale=1ms,max=100ms").value(), 1e-3 * std::log(100) / 0.99, 1e-4);
}

TEST(Expectation, FitIsTheShareOfUse) {
  EXPECT_EQ(fit(time_model("exponential:1ms"), Quantity::time, {.least = 0}), 1);
  EXPECT_NEAR(fit(time_model("exponential:1"), Quantity::time, {1, 1e9}), std::exp(-1), 0.05);
  EXPECT_LT(fit(time_model("exponential:1"), Quantity::time, {6, 1e9}), 0.01);
  EXPECT_LT(fit(time_model("normal:-10,stddev=1"), Quantity::time, {.least = 0}), 0.001);
  EXPECT_LT(fit(time_model("constant:1ms,min=2ms"), Quantity::time), 0.001);
}

TEST(Expectation, MessagesAreCountedInPackets) {
  const auto packets = [](const std::string& text, std::uint32_t segment) {
    return expected_packets(parse_model(text, Quantity::bytes), {.least = 18}, segment).value();
  };
  EXPECT_EQ(packets("3000", 1000), 3);
  EXPECT_NEAR(packets("3001", 1000), 4, 1e-9);
  EXPECT_EQ(packets("500", 1000), 1);
  EXPECT_NEAR(packets("uniform:min=1001,max=3000", 1000), 2.5, 0.01);
  EXPECT_NEAR(packets("pareto:shape=1.2,scale=10k", 1000), 60.5, 0.1);
  EXPECT_EQ(expected_packets(parse_model("pareto:shape=1,scale=10k", Quantity::bytes), {.least = 18}, 1000),
            std::nullopt);
}

}  // namespace
}  // namespace paceline::traffic
