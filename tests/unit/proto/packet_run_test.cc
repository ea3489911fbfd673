// SPDX-License-Identifier: MIT
#include "proto/packet_run.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "proto/packet.h"

namespace paceline::packet {
namespace {

Header header_of(std::uint32_t sequence, std::uint16_t lateness) {
  return {Type::data, 0xCAFE1234, sequence, 0x0000'1122'3344'5566, lateness};
}

std::vector<std::uint8_t> super_packet(std::size_t packets, std::size_t size, std::uint32_t first_sequence) {
  std::vector<std::uint8_t> bytes(packets * size, 0xAA);
  for (std::size_t i = 0; i < packets; ++i) {
    const auto number = static_cast<std::uint32_t>(i);
    encode(header_of(first_sequence + number, static_cast<std::uint16_t>(1000 + i)),
           std::span(bytes).subspan(i * size, size));
  }
  return bytes;
}

std::size_t run_of(std::span<const std::uint8_t> bytes, std::size_t size) {
  std::array<std::uint16_t, 128> lateness;
  return run_length(bytes, size, lateness);
}

TEST(PacketRun, IsAsLongAsThePacketsGoOn) {
  for (const std::size_t size : {18u, 64u, 1400u}) {
    const auto bytes = super_packet(40, size, 0xFFFFFFF0);  // 32 bits wrap within
    std::array<std::uint16_t, 128> lateness;
    ASSERT_EQ(run_length(bytes, size, lateness), 40u);
    for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(lateness[i], 1000 + i);
    EXPECT_EQ(run_of(std::span(bytes).first(size), size), 1u);
    EXPECT_EQ(run_of(std::span(bytes).first(10 * size + size - 1), size), 10u);  // the last one is cut short
    EXPECT_EQ(run_length(bytes, size, std::span(lateness).first(7)), 7u);
  }
}

TEST(PacketRun, EndsWhereAnyHeaderBitIsUnexpected) {
  constexpr std::size_t kSize = 64, kAt = 5;
  const auto bytes = super_packet(10, kSize, 7);
  for (std::size_t byte = 0; byte < kHeaderSize; ++byte) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto changed = bytes;
      changed[kAt * kSize + byte] ^= static_cast<std::uint8_t>(1u << bit);
      const bool lateness = byte >= 16;
      EXPECT_EQ(run_of(changed, kSize), lateness ? 10u : kAt) << "byte " << byte << " bit " << bit;
    }
  }
  auto payload = bytes;
  payload[kAt * kSize + kHeaderSize] ^= 1;
  EXPECT_EQ(run_of(payload, kSize), 10u);
}

TEST(PacketRun, AgreesWithDecodedHeaders) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 2000; ++round) {
    constexpr std::size_t kSize = 20;
    auto bytes = super_packet(12, kSize, static_cast<std::uint32_t>(random()));
    for (std::uint64_t changes = random() % 3; changes > 0; --changes)
      bytes[kSize + random() % (bytes.size() - kSize)] ^= static_cast<std::uint8_t>(random());
    const auto first = decode_header(bytes);
    ASSERT_TRUE(first);
    std::size_t expected = 1;
    for (; expected < 12; ++expected) {
      const auto header = decode_header(std::span(bytes).subspan(expected * kSize, kSize));
      if (!header || header->type != first->type || header->flow_id != first->flow_id ||
          header->send_time != first->send_time ||
          header->sequence != first->sequence + static_cast<std::uint32_t>(expected))
        break;
    }
    ASSERT_EQ(run_of(bytes, kSize), expected);
  }
}

}  // namespace
}  // namespace paceline::packet
