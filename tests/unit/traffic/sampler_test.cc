// SPDX-License-Identifier: MIT
#include "traffic/sampler.h"

#include <gtest/gtest.h>

#include <bit>
#include <boost/math/distributions.hpp>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "tests/unit/traffic/goodness.h"

namespace paceline::traffic {
namespace {

using Cdf = std::function<double(double)>;
using boost::math::quantile;

template <class Distribution>
Cdf cdf_of(Distribution distribution, double location = 0, double scale = 1) {
  return [=](double x) { return boost::math::cdf(distribution, (x - location) / scale); };
}

double below_zero_is_none(const Cdf& cdf, double x) { return x < 0 ? 0 : cdf(x); }

/// A model beside the mathematics' distribution of the same name.
struct Continuous {
  std::string text;
  Cdf cdf;
  double mean, variance;  // infinite where there is none
};

constexpr double kNone = std::numeric_limits<double>::infinity();

std::vector<Continuous> continuous() {
  using namespace boost::math;
  std::vector<Continuous> cases;
  const auto add = [&](const std::string& text, auto distribution, double location = 0, double scale = 1) {
    cases.push_back({text, cdf_of(distribution, location, scale), location + scale * boost::math::mean(distribution),
                     scale * scale * boost::math::variance(distribution)});
  };
  const auto add_wild = [&](const std::string& text, auto distribution, double location = 0, double scale = 1) {
    cases.push_back({text, cdf_of(distribution, location, scale), kNone, kNone});
  };
  add("uniform:min=2ms,max=5ms", uniform_distribution<>(2e-3, 5e-3));
  add("exponential:1ms", exponential_distribution<>(1e3));
  add("normal:10ms,stddev=2ms", normal_distribution<>(10e-3, 2e-3));
  add("normal:-1,stddev=5", normal_distribution<>(-1, 5));
  for (const double shape : {0.1, 0.5, 1.0, 2.5, 100.0})
    add("gamma:shape=" + std::to_string(shape) + ",scale=3ms", gamma_distribution<>(shape, 3e-3));
  for (const double shape : {0.5, 1.0, 3.7})
    add("weibull:shape=" + std::to_string(shape) + ",scale=3ms", weibull_distribution<>(shape, 3e-3));
  add("pareto:shape=5,scale=2ms", pareto_distribution<>(2e-3, 5));
  add_wild("pareto:shape=0.95,scale=1.1ms", pareto_distribution<>(1.1e-3, 0.95));
  add_wild("pareto:shape=1.5,scale=1.1ms", pareto_distribution<>(1.1e-3, 1.5));
  add_wild("cauchy:location=3ms,scale=0.5ms", cauchy_distribution<>(3e-3, 0.5e-3));
  add("student:freedom=41.6994,scale=0.104821ms,location=0.704073ms", students_t(41.6994), 0.704073e-3, 0.104821e-3);
  add("student:freedom=5,scale=2", students_t(5), 0, 2);
  add_wild("student:freedom=0.7", students_t(0.7));
  add_wild("student:freedom=2", students_t(2));
  add("student:freedom=1e6", normal_distribution<>(0, std::sqrt(1e6 / (1e6 - 2))));
  add("student:freedom=1e9", normal_distribution<>(0, 1));
  return cases;
}

TEST(Sampler, ContinuousFamiliesPassKolmogorovAndSmirnov) {
  for (const Continuous& family : continuous()) {
    const std::vector<double> numbers = draw_many(family.text);
    EXPECT_LT(kolmogorov_smirnov(numbers, family.cdf), kKolmogorov) << family.text;
    if (family.mean == kNone) continue;
    const auto [mean, variance] = moments(numbers);
    // 4 standard errors of the mean; the variance's own depends on the tails, heavy for some.
    EXPECT_NEAR(mean, family.mean, 4 * std::sqrt(family.variance / kDraws)) << family.text;
    EXPECT_NEAR(variance, family.variance, 0.06 * family.variance) << family.text;
  }
}

// The tests above can fail: each rejects parameters that are a little off.
TEST(Sampler, ASlightlyWrongParameterIsFoundOut) {
  using namespace boost::math;
  const auto distance = [](const std::string& text, const Cdf& cdf) {
    return kolmogorov_smirnov(draw_many(text), cdf);
  };
  EXPECT_GT(distance("exponential:1.02ms", cdf_of(exponential_distribution<>(1e3))), kKolmogorov);
  EXPECT_GT(distance("normal:10.03ms,stddev=2ms", cdf_of(normal_distribution<>(10e-3, 2e-3))), kKolmogorov);
  EXPECT_GT(distance("gamma:shape=2.55,scale=3ms", cdf_of(gamma_distribution<>(2.5, 3e-3))), kKolmogorov);
  EXPECT_GT(distance("weibull:shape=3.8,scale=3ms", cdf_of(weibull_distribution<>(3.7, 3e-3))), kKolmogorov);
  EXPECT_GT(distance("pareto:shape=0.97,scale=1.1ms", cdf_of(pareto_distribution<>(1.1e-3, 0.95))), kKolmogorov);
  EXPECT_GT(distance("cauchy:location=3ms,scale=0.52ms", cdf_of(cauchy_distribution<>(3e-3, 0.5e-3))), kKolmogorov);
  EXPECT_GT(distance("student:freedom=4", cdf_of(students_t(5))), kKolmogorov);
  EXPECT_GT(distance("uniform:min=2ms,max=5.03ms", cdf_of(uniform_distribution<>(2e-3, 5e-3))), kKolmogorov);
}

Cdf truncated(const Cdf& cdf, double least, double most) {
  const double below = cdf(least), within = cdf(most) - below;
  return [=](double x) { return std::clamp((cdf(x) - below) / within, 0.0, 1.0); };
}

TEST(Sampler, TruncatedFamiliesFollowTheTruncatedDistribution) {
  for (const Continuous& family : continuous()) {
    const std::vector<double> numbers = draw_many(family.text);
    std::vector<double> sorted = numbers;
    std::ranges::sort(sorted);
    const double least = sorted[kDraws / 10], most = sorted[kDraws - kDraws / 5];
    const Sampler sampler(parse_model(family.text, Quantity::time), Quantity::time, least, most);
    std::uint64_t redrawn = 0;
    const std::vector<double> kept = draw_many(sampler, kDraws, 2, &redrawn);
    EXPECT_LT(kolmogorov_smirnov(kept, truncated(family.cdf, least, most)), kKolmogorov) << family.text;
    EXPECT_GE(std::ranges::min(kept), least);
    EXPECT_LE(std::ranges::max(kept), most);
    // 30 % are outside, so 3 in 7 were drawn anew.
    EXPECT_NEAR(static_cast<double>(redrawn), kDraws * 3.0 / 7, 2000) << family.text;
  }
}

TEST(Sampler, AModelsOwnTruncationAndTheCallersBothHold) {
  const Model model = parse_model("normal:10ms,stddev=5ms,min=2ms,max=20ms", Quantity::time);
  const Cdf normal = cdf_of(boost::math::normal_distribution<>(10e-3, 5e-3));
  EXPECT_LT(kolmogorov_smirnov(draw_many(Sampler(model, Quantity::time)), truncated(normal, 2e-3, 20e-3)), kKolmogorov);
  EXPECT_LT(kolmogorov_smirnov(draw_many(Sampler(model, Quantity::time, 5e-3, 1)), truncated(normal, 5e-3, 20e-3)),
            kKolmogorov);
  EXPECT_LT(kolmogorov_smirnov(draw_many("uniform:min=0,max=1,least=0.25,most=0.5"),
                               cdf_of(boost::math::uniform_distribution<>(0.25, 0.5))),
            kKolmogorov);
}

std::map<double, double> poisson_probabilities(double mean, double unit) {
  const boost::math::poisson_distribution<> poisson(mean);
  std::map<double, double> probabilities;
  const double last = quantile(complement(poisson, 1e-9)) + 10;
  for (double k = 0; k <= last; ++k) probabilities[unit * k] = pdf(poisson, k);
  return probabilities;
}

TEST(Sampler, PoissonNumbersPassChiSquare) {
  for (const double mean : {0.01, 1.0, 4.3, 9.99, 10.0, 33.3, 1000.0, 50'000.0}) {
    const std::vector<double> numbers = draw_many("poisson:" + std::to_string(mean), Quantity::bytes);
    EXPECT_GT(chi_square(numbers, poisson_probabilities(mean, 1)), 0.001) << mean;
    const auto [drawn, variance] = moments(numbers);
    EXPECT_NEAR(drawn, mean, 4 * std::sqrt(mean / kDraws));
    EXPECT_NEAR(variance, mean, 0.03 * mean + 0.001);
  }
  EXPECT_LT(chi_square(draw_many("poisson:33.6", Quantity::bytes), poisson_probabilities(33.3, 1)), 0.001);
  EXPECT_LT(chi_square(draw_many("poisson:4.4", Quantity::bytes), poisson_probabilities(4.3, 1)), 0.001);
}

TEST(Sampler, PoissonTimesAreWholeUnits) {
  EXPECT_GT(chi_square(draw_many("poisson:5ms"), poisson_probabilities(5, 1e-3)), 0.001);
  EXPECT_GT(chi_square(draw_many("poisson:5ms,unit=1us"), poisson_probabilities(5000, 1e-6)), 0.001);
}

TEST(Sampler, DiscreteNumbersPassChiSquare) {
  // D-ITG's Telnet packets.
  const std::map<double, double> telnet = {{1, .65},   {2, .13},   {3, .07},   {4, .05},   {5, .03},
                                           {6, .01},   {7, .01},   {8, .01},   {9, .01},   {10, .005},
                                           {11, .005}, {12, .005}, {13, .005}, {14, .005}, {15, .005}};
  model::Discrete discrete;
  for (const auto& [value, weight] : telnet) {
    discrete.values.push_back(value);
    discrete.weights.push_back(weight);
  }
  const std::vector<double> numbers = draw_many(Sampler(Model{discrete}, Quantity::bytes));
  EXPECT_GT(chi_square(numbers, telnet), 0.001);
  std::map<double, double> other = telnet;
  other[1] -= 0.01;
  other[2] += 0.01;
  EXPECT_LT(chi_square(numbers, other), 0.001);
}

TEST(Sampler, WhatHasNoWeightIsNeverDrawn) {
  const Sampler sampler(Model{model::Discrete{{1, 2, 3, 4}, {0, 0.5, 0, 0.5}}}, Quantity::bytes);
  EXPECT_GT(chi_square(draw_many(sampler), {{2, 0.5}, {4, 0.5}}), 0.001);
}

TEST(Sampler, EmpiricalNumbersPassChiSquareWhateverTheirWeightsAddUpTo) {
  const Model model{model::Empirical{"read", {10, 20, 20, 30}, {1, 2, 3, 6}}};
  EXPECT_GT(chi_square(draw_many(Sampler(model, Quantity::bytes)), {{10, 1 / 12.0}, {20, 5 / 12.0}, {30, 0.5}}), 0.001);
}

TEST(Sampler, ALargeEmpiricalTableIsEven) {
  model::Empirical table{"read", {}, {}};
  std::map<double, double> probabilities;
  for (int i = 0; i < 1000; ++i) {
    table.values.push_back(i);
    table.weights.push_back(1 + i % 7);
  }
  double sum = 0;
  for (const double weight : table.weights) sum += weight;
  for (std::size_t i = 0; i < 1000; ++i) probabilities[table.values[i]] = table.weights[i] / sum;
  EXPECT_GT(chi_square(draw_many(Sampler(Model{table}, Quantity::bytes)), probabilities), 0.001);
}

TEST(Sampler, MixturesMixTheirParts) {
  // D-ITG's Quake 3, and Counter-Strike's sizes.
  const std::vector<double> quake = draw_many("mixture:0.6@(exponential:4.29ms),0.4@(constant:10.75ms)");
  std::vector<double> exponential;
  for (const double gap : quake) {
    if (gap != 10.75e-3) exponential.push_back(gap);
  }
  EXPECT_NEAR(static_cast<double>(exponential.size()), 60'000, 4 * std::sqrt(kDraws * 0.6 * 0.4));
  EXPECT_LT(kolmogorov_smirnov(exponential, cdf_of(boost::math::exponential_distribution<>(1 / 4.29e-3))), kKolmogorov);

  const boost::math::normal_distribution<> small(34.84, 4.39), large(49.49, 3.62);
  const Cdf both = [&](double x) { return 0.3732 * cdf(small, x) + 0.6268 * cdf(large, x); };
  const std::vector<double> strike =
      draw_many("mixture:0.3732@(normal:34.84,stddev=4.39),0.6268@(normal:49.49,stddev=3.62)");
  EXPECT_LT(kolmogorov_smirnov(strike, both), kKolmogorov);
}

TEST(Sampler, PartsOfMixturesKeepTheirOwnBounds) {
  const boost::math::exponential_distribution<> exponential(1);
  const Cdf expected = [&](double x) {
    return below_zero_is_none(truncated(cdf_of(exponential), 0, 1), x) * 0.5 + (x < 2   ? 0
                                                                                : x < 3 ? (x - 2) * 0.5
                                                                                        : 0.5);
  };
  std::uint64_t redrawn = 0;
  const Sampler sampler(parse_model("mixture:0.5@(exponential:1,max=1),0.5@(uniform:min=2,max=3)", Quantity::time),
                        Quantity::time);
  EXPECT_LT(kolmogorov_smirnov(draw_many(sampler, kDraws, 3, &redrawn), expected), kKolmogorov);
  EXPECT_NEAR(static_cast<double>(redrawn), 50'000 / (std::exp(1.0) - 1), 1000);
}

TEST(Sampler, SizesAreWholeAndEvenOnesAreEven) {
  std::map<double, double> dice;
  for (int i = 18; i <= 20; ++i) dice[i] = 1 / 3.0;
  EXPECT_GT(chi_square(draw_many("uniform:min=18,max=20", Quantity::bytes), dice), 0.001);

  const boost::math::normal_distribution<> normal(64.15, 3.2);  // D-ITG's Quake 3
  std::map<double, double> rounded;
  for (int i = 40; i <= 90; ++i) rounded[i] = cdf(normal, i + 0.5) - cdf(normal, i - 0.5);
  EXPECT_GT(chi_square(draw_many("normal:64.15,stddev=3.2", Quantity::bytes), rounded), 0.001);
}

TEST(Sampler, WhatNeverFitsEndsAtTheNearestBoundAndIsCounted) {
  RandomBits bits(1, Purpose::gaps);
  const Model model = parse_model("mixture:1@(mixture:1@(exponential:1,max=10))", Quantity::time);
  std::uint64_t redrawn = 0;
  EXPECT_EQ(Sampler(model, Quantity::time, 20, 30).draw(bits, redrawn), 20);
  EXPECT_EQ(redrawn, std::uint64_t{Sampler::kMostTries});
  EXPECT_EQ(Sampler(model, Quantity::time, -30, -20).draw(bits, redrawn), -20);
  // Parts that never fit take from the same tries.
  const Model hopeless = parse_model("mixture:1@(mixture:1@(exponential:1,max=-1),max=-2)", Quantity::time);
  redrawn = 0;
  EXPECT_EQ(Sampler(hopeless, Quantity::time, -30, -3).draw(bits, redrawn), -3);
  EXPECT_EQ(redrawn, std::uint64_t{Sampler::kMostTries});
}

TEST(Sampler, ExtremeParametersGiveNumbers) {
  for (const char* text : {"pareto:shape=0.001,scale=1ns", "student:freedom=0.001", "weibull:shape=0.001,scale=1",
                           "gamma:shape=1e-9,scale=1", "gamma:shape=1e15,scale=1e-15", "cauchy:location=0,scale=1e300",
                           "poisson:1e6,unit=1ms", "poisson:1e-12", "exponential:1e-300", "uniform:min=1,max=1"}) {
    for (const double number : draw_many(Sampler(parse_model(text, Quantity::time), Quantity::time), 10'000))
      ASSERT_FALSE(std::isnan(number)) << text;
  }
}

TEST(Sampler, TheSameSeedGivesTheSameNumbers) {
  const Sampler sampler(parse_model("gamma:shape=0.7,scale=1ms", Quantity::time), Quantity::time);
  EXPECT_EQ(draw_many(sampler, 1000, 5), draw_many(sampler, 1000, 5));
  EXPECT_NE(draw_many(sampler, 1000, 5), draw_many(sampler, 1000, 6));
}

// What a seed gives is promised: another compiler, processor or version gives the same to the last bit.
TEST(Sampler, ASeedsNumbersNeverChange) {
  const auto digest = [](const std::string& text) {
    std::uint64_t sum = 0;
    for (const double number : draw_many(Sampler(parse_model(text, Quantity::time), Quantity::time), 1000))
      sum = 31 * sum + std::bit_cast<std::uint64_t>(number);
    return sum;
  };
  const std::map<std::string, std::uint64_t> promised = {
      {"uniform:min=2ms,max=5ms", 0x010C47323D4E1EAC},
      {"exponential:1ms", 0x00366751A0E6B1A4},
      {"poisson:5ms", 0x426327DB05D9ECBA},
      {"poisson:50ms", 0xE1F45BE3E9377F03},
      {"pareto:shape=0.95,scale=1.1ms", 0xCCDFC934B442C001},
      {"cauchy:location=3ms,scale=0.5ms", 0xAEDA23B9DB85EF1E},
      {"normal:10ms,stddev=2ms", 0x843AD189AA343A2C},
      {"gamma:shape=0.5,scale=3ms", 0xB1DC57AEAAE1C23D},
      {"gamma:shape=2.5,scale=3ms", 0x2CC026E26FFD6D47},
      {"weibull:shape=3.7,scale=3ms", 0xF8C1F4306E18D391},
      {"student:freedom=41.6994,scale=0.104821ms,location=0.704073ms", 0x03D3CFCD6C39560C},
      {"discrete:0.25@1ms,0.5@2ms,0.25@3ms", 0x61243B1138987778},
      {"mixture:0.6@(exponential:4.29ms),0.4@10.75ms", 0x9F5FB043D77110FB},
  };
  for (const auto& [text, numbers] : promised) EXPECT_EQ(digest(text), numbers) << text;
}

}  // namespace
}  // namespace paceline::traffic
