// SPDX-License-Identifier: MIT
#include "traffic/payload_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <numeric>

#include "tests/unit/traffic/file.h"

namespace paceline::traffic {
namespace {

using testing::HasSubstr;

using Bytes = std::vector<std::uint8_t>;

PacketFlowSpec random_flow(std::uint64_t seed, std::uint32_t size = 1400) {
  PacketFlowSpec spec;
  spec.payload = Payload::random;
  spec.seed = seed;
  spec.size = size;
  return spec;
}

PacketFlowSpec file_flow(const std::string& name) {
  PacketFlowSpec spec;
  spec.payload = Payload::file;
  spec.payload_file = name;
  return spec;
}

Bytes packet(const PayloadBytes& payload, std::uint64_t number, std::size_t stride) {
  Bytes bytes(stride);
  payload.write(number, stride, bytes);
  return bytes;
}

std::string why_not(const std::string& name) {
  return refusal([&] { PayloadBytes::of(file_flow(name)); });
}

TEST(PayloadBytes, ZerosNeedNone) { EXPECT_EQ(PayloadBytes::of({}), nullptr); }

TEST(PayloadBytes, TheSeedSettlesRandomOnes) {
  const auto one = PayloadBytes::of(random_flow(1)), again = PayloadBytes::of(random_flow(1)),
             other = PayloadBytes::of(random_flow(2));
  EXPECT_EQ(packet(*one, 17, 1382), packet(*again, 17, 1382));
  EXPECT_NE(packet(*one, 17, 1382), packet(*other, 17, 1382));
  EXPECT_NE(packet(*one, 17, 1382), packet(*one, 18, 1382));
}

TEST(PayloadBytes, RandomOnesAreEvenlySpread) {
  const auto payload = PayloadBytes::of(random_flow(3));
  const Bytes bytes = packet(*payload, 0, payload->size());
  std::array<double, 256> counts{};
  for (const std::uint8_t byte : bytes) ++counts[byte];
  const double expected = static_cast<double>(bytes.size()) / 256;
  double chi_square = 0;
  for (const double count : counts) chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, 347);  // 255 degrees of freedom: 1 in 10,000 is above, and the seed is fixed
  EXPECT_GT(chi_square, 178);
}

TEST(PayloadBytes, ManyFlowsOfSmallPacketsNeedLittle) {
  EXPECT_LE(PayloadBytes::of(random_flow(1, 172))->size(), 64U * 1024);
  EXPECT_LE(PayloadBytes::of(random_flow(1, PacketFlowSpec::kMaxSize))->size(), 256U * 1024);
  EXPECT_GE(PayloadBytes::of(random_flow(1, 18))->size(), 1U);
}

TEST(PayloadBytes, AFileGoesFromPacketToPacketAndRoundAgain) {
  Bytes content(1000);
  std::iota(content.begin(), content.end(), std::uint8_t{0});
  content[999] = 77;
  const TestFile file(std::string(content.begin(), content.end()));
  const auto payload = PayloadBytes::of(file_flow(file.path()));
  for (const std::uint64_t number : {0U, 1U, 2U, 14U, 15U, 1'000'003U}) {
    Bytes expected(70);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = content[(number * 70 + i) % content.size()];
    EXPECT_EQ(packet(*payload, number, 70), expected) << number;
  }
  EXPECT_EQ(packet(*payload, 0, 300'000)[299'999], content[299'999 % 1000]);
}

TEST(PayloadBytes, FlowsOfOneFileShareIt) {
  const TestFile file("abc");
  PayloadCache cache;
  EXPECT_EQ(PayloadBytes::of(file_flow(file.path()), &cache), PayloadBytes::of(file_flow(file.path()), &cache));
}

TEST(PayloadBytes, WhatIsWrongWithAFileIsSaidWithItsName) {
  EXPECT_THAT(why_not("/nowhere/payload"), HasSubstr("'/nowhere/payload': No such file"));
  EXPECT_THAT(why_not("/"), HasSubstr("Is a directory"));
  const TestFile empty;
  EXPECT_THAT(why_not(empty.path()), HasSubstr("it is empty"));
  EXPECT_THAT(why_not("/dev/zero"), HasSubstr("more than 64 MiB"));
}

}  // namespace
}  // namespace paceline::traffic
