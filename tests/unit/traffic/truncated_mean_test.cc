// SPDX-License-Identifier: MIT
#include "traffic/truncated_mean.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/unit/traffic/goodness.h"

namespace paceline::traffic {
namespace {

constexpr double kNone = std::numeric_limits<double>::infinity();

double mean_of(const std::string& text, double least, double most) {
  return truncated_mean(parse_model(text, Quantity::time).family, least, most).value();
}

// The formula beside what is drawn, in standard errors of the drawn mean.
TEST(TruncatedMean, IsThatOfTheNumbersDrawn) {
  struct Case {
    const char* text;
    double least, most;
  };
  for (const Case& c : std::vector<Case>{{"uniform:min=0,max=4", 1, 3.5},
                                         {"uniform:min=0,max=4", -1, kNone},
                                         {"exponential:2", 1, kNone},
                                         {"exponential:2", -1, 3},
                                         {"exponential:2", 1, 1.5},
                                         {"pareto:shape=0.5,scale=1", 0, 50},
                                         {"pareto:shape=1,scale=1", 2, 50},
                                         {"pareto:shape=2.5,scale=1", 0, 3},
                                         {"pareto:shape=5,scale=1", 1.2, kNone},
                                         {"cauchy:location=3,scale=2", 0, 20},
                                         {"cauchy:location=-1,scale=1", 0, 20},
                                         {"normal:1,stddev=2", 0, kNone},
                                         {"normal:1,stddev=2", -kNone, 0},
                                         {"normal:-3,stddev=2", 0, 1},
                                         {"normal:5,stddev=1", 4, 7}}) {
    const Sampler sampler(parse_model(c.text, Quantity::time), Quantity::time, c.least, c.most);
    const auto [drawn, variance] = moments(draw_many(sampler));
    EXPECT_NEAR(mean_of(c.text, c.least, c.most), drawn, 4 * std::sqrt(variance / kDraws))
        << c.text << " from " << c.least << " to " << c.most;
  }
}

TEST(TruncatedMean, IsTheFamilysWhereNothingIsCutOff) {
  EXPECT_EQ(mean_of("7", -kNone, kNone), 7);
  EXPECT_EQ(mean_of("exponential:2", 0, kNone), 2);
  EXPECT_EQ(mean_of("normal:5,stddev=0", 0, kNone), 5);
  EXPECT_DOUBLE_EQ(mean_of("normal:5,stddev=0.1", 0, kNone), 5);
  EXPECT_DOUBLE_EQ(mean_of("pareto:shape=3,scale=2", 0, kNone), 3);
}

TEST(TruncatedMean, OneNumberIsItsOwnMean) {
  for (const char* text : {"exponential:2", "pareto:shape=1,scale=1", "cauchy:location=0,scale=1", "normal:1,stddev=2"})
    EXPECT_EQ(mean_of(text, 1.5, 1.5), 1.5) << text;
}

TEST(TruncatedMean, OthersHaveNoFormula) {
  for (const char* text : {"gamma:shape=2,scale=1", "weibull:shape=2,scale=1", "student:freedom=3", "poisson:4",
                           "discrete:1@4", "mixture:1@4"})
    EXPECT_EQ(truncated_mean(parse_model(text, Quantity::time).family, 0, 1), std::nullopt) << text;
}

}  // namespace
}  // namespace paceline::traffic
