// SPDX-License-Identifier: MIT
#include "decoder/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace paceline::decoder {
namespace {

struct Reference {
  std::string name;
  std::vector<double> first, second;
  double u, u_p, f, f_p;
  std::vector<double> figures;
};

const std::vector<Reference>& references() {
  static const std::vector<Reference> all{
#include "tests/unit/decoder/statistics_reference.inc"
  };
  return all;
}

void expect_close(double value, double expected, double part, const std::string& what) {
  EXPECT_NEAR(value, expected, std::abs(expected) * part + 1e-300) << what;
}

TEST(Statistics, FiguresAreScipys) {
  for (const Reference& reference : references()) {
    const Figures figures = figures_of(reference.first);
    for (std::size_t i = 0; i < kFigures; ++i) expect_close(figures[i], reference.figures[i], 1e-12, reference.name);
  }
}

TEST(Statistics, MannWhitneyIsScipys) {
  for (const Reference& reference : references()) {
    const auto test = mann_whitney(reference.first, reference.second);
    ASSERT_TRUE(test) << reference.name;
    EXPECT_EQ(test->statistic, reference.u) << reference.name;
    expect_close(test->p, reference.u_p, 1e-9, reference.name);
  }
}

TEST(Statistics, BrownForsytheIsScipys) {
  for (const Reference& reference : references()) {
    const auto test = brown_forsythe(reference.first, reference.second);
    ASSERT_TRUE(test) << reference.name;
    expect_close(test->statistic, reference.f, 1e-7, reference.name);
    expect_close(test->p, reference.f_p, 1e-7, reference.name);
  }
}

TEST(Statistics, WhatOneValueDoesNotTell) {
  const std::vector<double> one{3};
  const Figures figures = figures_of(one);
  EXPECT_EQ(figures[0], 3);
  EXPECT_EQ(figures[2], 3);
  EXPECT_TRUE(std::isnan(figures[4]));
  for (const double figure : figures_of({})) EXPECT_TRUE(std::isnan(figure));
  EXPECT_FALSE(brown_forsythe(one, std::vector<double>{1, 2}));
  EXPECT_FALSE(mann_whitney(one, {}));
  EXPECT_EQ(mann_whitney(one, one)->p, 1);
}

TEST(Statistics, SamplesWithoutSpreadHaveNoTestOfIt) {
  const std::vector<double> same{2, 2, 2, 2};
  EXPECT_FALSE(brown_forsythe(same, same));
  EXPECT_EQ(mann_whitney(same, same)->p, 1);
}

TEST(Statistics, RatiosOfZeroAreNotKnown) {
  const std::vector<double> zeros{0, 0, 0}, ones{1, 2, 3};
  const auto ratios = ratios_of(ones, zeros, {});
  for (const Ratio& ratio : ratios) {
    EXPECT_TRUE(std::isnan(ratio.value));
    EXPECT_TRUE(std::isnan(ratio.low));
  }
  EXPECT_EQ(ratios_of(zeros, ones, {})[1].value, 0);
}

TEST(Statistics, IntervalsHoldTheRatioAndDependOnTheSeedAlone) {
  std::vector<double> one, other;
  for (int i = 0; i < 100; ++i) {
    one.push_back(100 + i % 17);
    other.push_back(50 + i % 13);
  }
  const auto ratios = ratios_of(one, other, {.seed = 7}), again = ratios_of(one, other, {.seed = 7}),
             different = ratios_of(one, other, {.seed = 8});
  const auto median = static_cast<std::size_t>(Figure::mean);
  EXPECT_LT(ratios[median].low, ratios[median].value);
  EXPECT_GT(ratios[median].high, ratios[median].value);
  EXPECT_EQ(ratios[median].low, again[median].low);
  EXPECT_NE(ratios[median].low, different[median].low);
  // The standard error of a ratio of means, by the delta method; 95 % are 1.96 of it to each side.
  const Figures a = figures_of(one), b = figures_of(other);
  const double error =
      ratios[median].value * std::sqrt((a[4] / a[1]) * (a[4] / a[1]) / 100 + (b[4] / b[1]) * (b[4] / b[1]) / 100);
  EXPECT_NEAR(ratios[median].high - ratios[median].low, 2 * 1.96 * error, 0.15 * error * 2 * 1.96);
}

TEST(Statistics, WiderConfidenceIsAWiderInterval) {
  const std::vector<double> one{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, other{2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const auto narrow = ratios_of(one, other, {.confidence = 0.5}), wide = ratios_of(one, other, {.confidence = 0.99});
  EXPECT_LT(wide[1].low, narrow[1].low);
  EXPECT_GT(wide[1].high, narrow[1].high);
}

TEST(Statistics, HolmsAdjustmentIsTheTextbooks) {
  HypothesisTest a{0, 0.01, 1}, b{0, 0.04, 1}, c{0, 0.03, 1}, d{0, 0.005, 1};
  adjust({&a, &b, &c, &d});
  EXPECT_DOUBLE_EQ(d.adjusted, 0.02);
  EXPECT_DOUBLE_EQ(a.adjusted, 0.03);
  EXPECT_DOUBLE_EQ(c.adjusted, 0.06);
  EXPECT_DOUBLE_EQ(b.adjusted, 0.06);
}

TEST(Statistics, FourRunsASideAreTheLeastForFivePercent) {
  EXPECT_EQ(runs_needed(0.05), 4U);
  EXPECT_EQ(runs_needed(0.01), 5U);
}

}  // namespace
}  // namespace paceline::decoder
