// SPDX-License-Identifier: MIT
#include "tests/relay/impairment.h"

#include <gtest/gtest.h>

#include "paceline/error.h"

namespace paceline::relay {
namespace {

TEST(ParseNumbers, ReadsNumbersAndRanges) {
  EXPECT_EQ(parse_numbers("5,17-20"), (std::vector<NumberRange>{{5, 5}, {17, 20}}));
  EXPECT_TRUE(parse_numbers("").empty());
}

TEST(ParseNumbers, RefusesWhatIsNoNumber) {
  for (const char* text : {"0", "x", "5-", "-5", "7-6", "1,,2", "1 "}) EXPECT_THROW(parse_numbers(text), UsageError);
}

TEST(Dice, DropsExactlyTheNumbersAsked) {
  Dice dice({.drop = {{3, 3}, {7, 8}}}, 1);
  std::vector<std::uint64_t> dropped;
  for (std::uint64_t number = 1; number <= 10; ++number) {
    if (dice.roll(number, true).dropped) dropped.push_back(number);
  }
  EXPECT_EQ(dropped, (std::vector<std::uint64_t>{3, 7, 8}));
}

TEST(Dice, LosesTheShareAskedFor) {
  Dice dice({.loss = 0.1}, 1);
  int dropped = 0;
  for (std::uint64_t number = 1; number <= 100'000; ++number) dropped += dice.roll(number, true).dropped;
  EXPECT_NEAR(dropped, 10'000, 500);  // five standard deviations
}

TEST(Dice, RepeatsItselfAndOneOptionLeavesTheOthersAlone) {
  Dice alone({.loss = 0.1}, 7);
  Dice together({.jitter = std::chrono::milliseconds(1), .loss = 0.1, .duplicate = 0.5, .reorder = 0.5}, 7);
  for (std::uint64_t number = 1; number <= 1000; ++number)
    ASSERT_EQ(alone.roll(number, true).dropped, together.roll(number, true).dropped);
}

TEST(Dice, SparesWhatDoesNotMatchButDelaysIt) {
  Dice dice({.delay = std::chrono::milliseconds(5), .loss = 1}, 1);
  const Fate fate = dice.roll(1, false);
  EXPECT_FALSE(fate.dropped);
  EXPECT_EQ(fate.delay, std::chrono::milliseconds(5));
}

TEST(Dice, GoesDarkAfterTheNumberAsked) {
  Dice dice({.blackhole_after = 2}, 1);
  EXPECT_FALSE(dice.roll(2, true).dropped);
  EXPECT_TRUE(dice.roll(3, true).dark);
}

TEST(Dice, JitterStaysWithinItsRange) {
  Dice dice({.delay = std::chrono::milliseconds(2), .jitter = std::chrono::milliseconds(1)}, 1);
  for (std::uint64_t number = 1; number <= 1000; ++number) {
    const nanoseconds delay = dice.roll(number, true).delay;
    ASSERT_GE(delay, std::chrono::milliseconds(2));
    ASSERT_LT(delay, std::chrono::milliseconds(3));
  }
}

}  // namespace
}  // namespace paceline::relay
