// SPDX-License-Identifier: MIT
#include "proto/packet.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <vector>

namespace paceline::packet {
namespace {

template <std::size_t kSize>
std::array<std::uint8_t, kSize> counting(std::uint8_t from) {
  std::array<std::uint8_t, kSize> bytes{};
  for (auto& byte : bytes) byte = from++;
  return bytes;
}

TEST(Header, BytesAreAsDrawn) {
  std::array<std::uint8_t, kHeaderSize> bytes{};
  encode(Header{Type::data, 0x01020304, 0x05060708, 0xFFFF'0A0B0C0D0E0Full, 0x1112}, bytes);
  const std::array<std::uint8_t, kHeaderSize> drawn{0xD1, 1,    1,    2,    3,    4,    5,    6,    7,
                                                    8,    0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x11, 0x12};
  EXPECT_EQ(bytes, drawn);
  const auto header = decode_header(bytes);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->type, Type::data);
  EXPECT_EQ(header->flow_id, 0x01020304u);
  EXPECT_EQ(header->sequence, 0x05060708u);
  EXPECT_EQ(header->send_time, 0x0A0B0C0D0E0Fu);
  EXPECT_EQ(header->lateness, 0x1112);
}

TEST(Header, WhatIsNotOursIsRefused) {
  std::array<std::uint8_t, kHeaderSize> good{};
  encode(Header{}, good);
  ASSERT_TRUE(decode_header(good));
  for (std::size_t size = 0; size < kHeaderSize; ++size) EXPECT_FALSE(decode_header(std::span(good).first(size)));
  for (int magic = 0; magic < 256; ++magic) {
    auto bytes = good;
    bytes[0] = static_cast<std::uint8_t>(magic);
    EXPECT_EQ(decode_header(bytes).has_value(), magic == kMagic);
  }
  for (int type = 0; type < 256; ++type) {
    auto bytes = good;
    bytes[1] = static_cast<std::uint8_t>(type);
    EXPECT_EQ(decode_header(bytes).has_value(), type >= 1 && type <= 5);
  }
}

TEST(Probe, ComesBack) {
  const Probe probe{0xA1A2A3A4, 7, counting<16>(1), counting<16>(101), 0x1122334455667788};
  const auto bytes = encode(probe);
  const auto back = decode_probe(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->flow_id, probe.flow_id);
  EXPECT_EQ(back->attempt, probe.attempt);
  EXPECT_EQ(back->secret, probe.secret);
  EXPECT_EQ(back->nonce, probe.nonce);
  EXPECT_EQ(back->sent, probe.sent);
  EXPECT_FALSE(decode_probe(std::span(bytes).first(kProbeSize - 1)));
  std::vector<std::uint8_t> longer(bytes.begin(), bytes.end());
  longer.push_back(0);
  EXPECT_FALSE(decode_probe(longer));
}

TEST(ProbeReply, ComesBackAndIsNoProbe) {
  const ProbeReply reply{0xA1A2A3A4, 7, counting<16>(1), 1, 2, 3};
  const auto bytes = encode(reply);
  const auto back = decode_probe_reply(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->flow_id, reply.flow_id);
  EXPECT_EQ(back->attempt, reply.attempt);
  EXPECT_EQ(back->nonce, reply.nonce);
  EXPECT_EQ(back->sent, 1u);
  EXPECT_EQ(back->received, 2u);
  EXPECT_EQ(back->replied, 3u);
  EXPECT_FALSE(decode_probe(bytes));
  EXPECT_FALSE(decode_probe_reply(encode(Probe{})));
}

TEST(Knock, ComesBackAndIsNoProbe) {
  Knock knock;
  knock.flow_id = 0x01020304;
  knock.number = 7;
  for (std::size_t i = 0; i < knock.secret.size(); ++i) knock.secret[i] = static_cast<std::uint8_t>(i + 1);
  const auto bytes = encode(knock);
  const auto decoded = decode_knock(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->flow_id, knock.flow_id);
  EXPECT_EQ(decoded->number, knock.number);
  EXPECT_TRUE(equal(decoded->secret, knock.secret));
  EXPECT_FALSE(decode_probe(bytes));
  EXPECT_FALSE(decode_knock(encode(Probe{})));
  EXPECT_FALSE(decode_knock(std::span(bytes).first(bytes.size() - 1)));
}

TEST(Lateness, IsExactBelow4096) {
  for (std::int64_t value = 0; value < 4096; ++value) ASSERT_EQ(decode_lateness(encode_lateness(value)), value);
}

TEST(Lateness, IsRoundedDownByLessThanOneIn2048) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    const auto value = static_cast<std::int64_t>(random() % (4095ull << 30) >> (random() % 40));
    const std::int64_t back = decode_lateness(encode_lateness(value));
    ASSERT_LE(back, value);
    ASSERT_LE(value - back, value / 2048) << value;
  }
}

TEST(Lateness, EveryCodeHasItsOwnValue) {
  std::int64_t previous = -1;
  for (std::uint32_t code = 0; code <= 0xFFFF; ++code) {
    const std::int64_t value = decode_lateness(static_cast<std::uint16_t>(code));
    ASSERT_GT(value, previous);
    ASSERT_EQ(encode_lateness(value), code);
    previous = value;
  }
  EXPECT_EQ(previous, std::int64_t{4095} << 30);
}

TEST(Lateness, Saturates) {
  EXPECT_EQ(encode_lateness(-1), 0);
  EXPECT_EQ(encode_lateness(std::numeric_limits<std::int64_t>::min()), 0);
  EXPECT_EQ(encode_lateness((std::int64_t{4095} << 30) + 1), 0xFFFF);
  EXPECT_EQ(encode_lateness(std::numeric_limits<std::int64_t>::max()), 0xFFFF);
}

TEST(Sequence, IsTheNearest) {
  EXPECT_EQ(extend_sequence(0, 0), 0u);
  EXPECT_EQ(extend_sequence(5, 3), 5u);
  EXPECT_EQ(extend_sequence(0, 0x1'0000'0000), 0x1'0000'0000u);
  EXPECT_EQ(extend_sequence(0xFFFFFFFF, 0x1'0000'0000), 0xFFFFFFFFu);
  EXPECT_EQ(extend_sequence(2, 0xFFFFFFFE), 0x1'0000'0002u);
  EXPECT_EQ(extend_sequence(0xFFFFFFF0, 0x5'0000'0001), 0x4'FFFFFFF0u);
}

TEST(Sequence, IsNeverBelowZero) { EXPECT_EQ(extend_sequence(0xFFFFFFFF, 0), 0xFFFFFFFFu); }

TEST(Time, IsTheNearest) {
  constexpr std::int64_t kCycle = std::int64_t{1} << 48;
  EXPECT_EQ(extend_time(5, 3), 5);
  EXPECT_EQ(extend_time(0, kCycle - 1), kCycle);
  EXPECT_EQ(extend_time(static_cast<std::uint64_t>(kCycle) - 1, kCycle), kCycle - 1);
  std::mt19937_64 random(3);
  for (int i = 0; i < 10000; ++i) {
    const auto time = static_cast<std::int64_t>(random() >> 2);
    const auto away = static_cast<std::int64_t>(random() % (1ull << 47)) - (std::int64_t{1} << 46);
    ASSERT_EQ(extend_time(static_cast<std::uint64_t>(time) & (static_cast<std::uint64_t>(kCycle) - 1), time + away),
              time);
  }
}

}  // namespace
}  // namespace paceline::packet
