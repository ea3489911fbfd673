// SPDX-License-Identifier: MIT
#include "paceline/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paceline::units {
namespace {

using namespace std::chrono_literals;

TEST(Units, PacketRates) {
  EXPECT_EQ(parse_packet_rate("1k"), 1000);
  EXPECT_EQ(parse_packet_rate("2.5M"), 2.5e6);
  EXPECT_EQ(parse_packet_rate("17"), 17);
  EXPECT_EQ(parse_packet_rate("0.1"), 0.1);
}

TEST(Units, Bitrates) {
  EXPECT_EQ(parse_bitrate("500M"), 500e6);
  EXPECT_EQ(parse_bitrate("1.5G"), 1.5e9);
  EXPECT_EQ(parse_bitrate("9600"), 9600);
}

TEST(Units, BytesTellThousandsFromPowersOfTwo) {
  EXPECT_EQ(parse_bytes("512"), 512u);
  EXPECT_EQ(parse_bytes("1k"), 1000u);
  EXPECT_EQ(parse_bytes("1KiB"), 1024u);
  EXPECT_EQ(parse_bytes("1.5KiB"), 1536u);
  EXPECT_EQ(parse_bytes("8B"), 8u);
  EXPECT_THROW(parse_bytes("1.5"), UsageError);
}

TEST(Units, Durations) {
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("30"), 30s);
  EXPECT_EQ(parse_duration("200ms"), 200ms);
  EXPECT_EQ(parse_duration("1.5us"), 1500ns);
  EXPECT_EQ(parse_duration("7ns"), 7ns);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("5min"), 5min);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_THROW(parse_duration("1000000000h"), UsageError);
}

TEST(Units, NonsenseIsRefused) {
  for (const char* text : {"", "k", "1 k", " 1", "1kk", "1x", "nan", "inf", "-1", "0x10", "1e400", "1,5"}) {
    EXPECT_THROW(parse_packet_rate(text), UsageError) << text;
    EXPECT_THROW(parse_duration(text), UsageError) << text;
    EXPECT_THROW(parse_bytes(text), UsageError) << text;
  }
}

TEST(Units, RefusalsSayWhatIsAllowed) {
  try {
    parse_bitrate("5 Mbit");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("5 Mbit"), testing::HasSubstr("k, K, M, G")));
  }
}

TEST(Units, ConnectionRates) {
  EXPECT_EQ(parse_connection_rate("1.5k"), 1500);
  EXPECT_EQ(parse_connection_rate("20"), 20);
  EXPECT_THROW(parse_connection_rate("1G"), UsageError);
}

TEST(Units, Counts) {
  EXPECT_EQ(parse_count("0", "flows", 10), 0u);
  EXPECT_EQ(parse_count("10", "flows", 10), 10u);
  EXPECT_EQ(parse_count("0xfffff", "flow label", 0xFFFFF), 0xFFFFFu);
  for (const char* text : {"", "11", "-1", "+1", "1.5", "1k", "0x", "0xg", "4294967296", " 1"})
    EXPECT_THROW(parse_count(text, "flows", 10), UsageError) << text;
}

TEST(Units, Cpus) {
  using testing::ElementsAre;
  EXPECT_THAT(parse_cpus("3"), ElementsAre(3));
  EXPECT_THAT(parse_cpus("0,2-4,1"), ElementsAre(0, 2, 3, 4, 1));
  for (const char* text : {"", ",", "1,", "2-", "-2", "3-2", "a", "1-2-3", "0-8192"})
    EXPECT_THROW(parse_cpus(text), UsageError) << text;
}

}  // namespace
}  // namespace paceline::units
