// SPDX-License-Identifier: MIT
#include "paceline/flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace paceline {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

template <class Change>
std::string refusal(Change change) {
  FlowSpec spec;
  change(spec);
  try {
    validate(spec);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(FlowSpec, DefaultsAndLimitsAreValid) {
  EXPECT_NO_THROW(validate(FlowSpec{}));
  EXPECT_EQ(refusal([](FlowSpec& spec) { spec.rate_pps = FlowSpec::kMaxRate; }), "");
  EXPECT_EQ(refusal([](FlowSpec& spec) { spec.rate_pps = 1e-3; }), "");
  EXPECT_EQ(refusal([](FlowSpec& spec) { spec.size = FlowSpec::kMinSize; }), "");
  EXPECT_EQ(refusal([](FlowSpec& spec) { spec.size = FlowSpec::kMaxSize; }), "");
  EXPECT_EQ(refusal([](FlowSpec& spec) { spec.duration = hours(72); }), "");
  EXPECT_EQ(refusal([](FlowSpec& spec) { spec.interval = milliseconds(10); }), "");
}

TEST(FlowSpec, RefusalsNameTheField) {
  using testing::StartsWith;
  for (const double rate :
       {0.0, -1.0, 1.01e8, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(refusal([&](FlowSpec& spec) { spec.rate_pps = rate; }), StartsWith("rate")) << rate;
  }
  EXPECT_THAT(refusal([](FlowSpec& spec) { spec.size = 17; }), StartsWith("size is 17"));
  EXPECT_THAT(refusal([](FlowSpec& spec) { spec.size = 65508; }), StartsWith("size"));
  EXPECT_THAT(refusal([](FlowSpec& spec) { spec.duration = nanoseconds{0}; }), StartsWith("duration"));
  EXPECT_THAT(refusal([](FlowSpec& spec) { spec.duration = hours(72) + nanoseconds{1}; }), StartsWith("duration"));
  EXPECT_THAT(refusal([](FlowSpec& spec) { spec.interval = milliseconds(9); }), StartsWith("interval"));
  EXPECT_THAT(refusal([](FlowSpec& spec) { spec.interval = hours(2); }), StartsWith("interval"));
}

}  // namespace
}  // namespace paceline
