// SPDX-License-Identifier: MIT
#include "sender/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace paceline::sender {
namespace {

TEST(Dscp, NumbersAndNames) {
  const std::vector<std::pair<std::string, int>> known{
      {"0", 0},     {"63", 63}, {"0x2e", 46}, {"EF", 46},  {"ef", 46}, {"AF11", 10}, {"AF23", 22},  {"af41", 34},
      {"AF43", 38}, {"CS0", 0}, {"CS1", 8},   {"CS7", 56}, {"VA", 44}, {"LE", 1},    {"default", 0}};
  for (const auto& [text, value] : known) EXPECT_EQ(parse_dscp(text), value) << text;
  for (const char* text : {"", "64", "-1", "AF", "AF40", "AF14", "AF51", "CS8", "CS", "EFF", "af411"})
    EXPECT_THROW(parse_dscp(text), UsageError) << text;
}

TEST(Ecn, NumbersAndNames) {
  EXPECT_EQ(parse_ecn("3"), 3);
  EXPECT_EQ(parse_ecn("not-ect"), 0);
  EXPECT_EQ(parse_ecn("ECT1"), 1);
  EXPECT_EQ(parse_ecn("ect0"), 2);
  EXPECT_EQ(parse_ecn("CE"), 3);
  for (const char* text : {"", "4", "-1", "ect", "ect2"}) EXPECT_THROW(parse_ecn(text), UsageError) << text;
}

TEST(Seed, AllSixtyFourBits) {
  EXPECT_EQ(parse_seed("0"), 0u);
  EXPECT_EQ(parse_seed("18446744073709551615"), ~std::uint64_t{0});
  EXPECT_EQ(parse_seed("0xffffffffffffffff"), ~std::uint64_t{0});
  for (const char* text : {"", "0x", "-1", "1.5", "1k", "18446744073709551616"})
    EXPECT_THROW(parse_seed(text), UsageError) << text;
}

TEST(Many, WholeNumbersWithSuffixes) {
  EXPECT_EQ(parse_many("10k", "packets"), 10'000u);
  EXPECT_EQ(parse_many("1.5M", "packets"), 1'500'000u);
  for (const char* text : {"", "1.5", "-1", "1e30", "inf", "10 k"})
    EXPECT_THROW(parse_many(text, "packets"), UsageError) << text;
}

TEST(Factor, IsAboveZero) {
  EXPECT_EQ(parse_factor("2", "speed"), 2);
  EXPECT_EQ(parse_factor("0.5x", "speed"), 0.5);
  EXPECT_EQ(parse_factor("150%", "speed"), 1.5);
  for (const char* text : {"0", "-1", "", "nan", "inf"}) EXPECT_THROW(parse_factor(text, "speed"), UsageError) << text;
}

TEST(Words, DashesAndUnderscoresAreTheSame) {
  const auto parse = one_of<int>({{"one-way", 1}, {"both", 2}});
  EXPECT_EQ(parse("one-way"), 1);
  EXPECT_EQ(parse("one_way"), 1);
  EXPECT_THROW(parse("oneway"), UsageError);
}

}  // namespace
}  // namespace paceline::sender
