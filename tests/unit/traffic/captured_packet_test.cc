// SPDX-License-Identifier: MIT
#include "traffic/captured_packet.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/traffic/captured.h"

namespace paceline::traffic {
namespace {

std::optional<std::uint32_t> payload(const Bytes& bytes, Link link = Link::ethernet) {
  return payload_of(bytes, link, static_cast<std::uint32_t>(bytes.size()));
}

Bytes udp4(std::size_t size) { return ethernet(kIpv4Type, ipv4(kUdpProtocol, udp(size))); }

TEST(CapturedPacket, UdpAndTcpOverBothFamilies) {
  EXPECT_EQ(payload(udp4(512)), 512u);
  EXPECT_EQ(payload(udp4(0)), 0u);
  EXPECT_EQ(payload(ethernet(kIpv4Type, ipv4(kTcpProtocol, tcp(1448)))), 1448u);
  EXPECT_EQ(payload(ethernet(kIpv6Type, ipv6(kUdpProtocol, udp(512)))), 512u);
  EXPECT_EQ(payload(ethernet(kIpv6Type, ipv6(kTcpProtocol, tcp(1428, 20)))), 1428u);
  EXPECT_EQ(payload(ethernet(kIpv4Type, ipv4(kUdpProtocol, udp(100), 40))), 100u);
}

TEST(CapturedPacket, EveryLink) {
  const Bytes v4 = ipv4(kUdpProtocol, udp(100)), v6 = ipv6(kUdpProtocol, udp(200));
  EXPECT_EQ(payload(zeros(14) + Bytes{8, 0} + v4, Link::cooked), 100u);
  EXPECT_EQ(payload(zeros(14) + Bytes{0x86, 0xDD} + v6, Link::cooked), 200u);
  EXPECT_EQ(payload(Bytes{8, 0} + zeros(18) + v4, Link::cooked_v2), 100u);
  EXPECT_EQ(payload(v4, Link::raw_ip), 100u);
  EXPECT_EQ(payload(v6, Link::raw_ip), 200u);
}

TEST(CapturedPacket, TagsArePassedOver) {
  const Bytes v4 = ipv4(kUdpProtocol, udp(100));
  EXPECT_EQ(payload(ethernet(kVlanType, vlan(kIpv4Type, v4))), 100u);
  EXPECT_EQ(payload(ethernet(kServiceTagType, vlan(kVlanType, vlan(kIpv4Type, v4)))), 100u);
}

TEST(CapturedPacket, ShortPacketsArePadded) {
  EXPECT_EQ(payload(udp4(5) + zeros(13)), 5u);
  EXPECT_EQ(payload(ethernet(kIpv4Type, ipv4(kTcpProtocol, tcp(0, 20))) + zeros(6)), std::nullopt);
}

TEST(CapturedPacket, WhatTheCaptureCutOffCounts) {
  const Bytes whole = udp4(1400);
  const auto size = static_cast<std::uint32_t>(whole.size());
  EXPECT_EQ(payload_of(std::span(whole).first(64), Link::ethernet, size), 1400u);
  EXPECT_EQ(payload_of(std::span(whole).first(40), Link::ethernet, size), 1400u);
  EXPECT_EQ(payload_of(std::span(whole).first(38), Link::ethernet, size), std::nullopt);
}

TEST(CapturedPacket, ExtensionHeadersArePassedOver) {
  const auto extension = [](std::uint8_t next, std::uint8_t size, const Bytes& rest) {
    return Bytes{next, size} + zeros(6 + size * 8u) + rest;
  };
  EXPECT_EQ(
      payload(ethernet(kIpv6Type, ipv6(0, extension(43, 0, extension(60, 2, extension(kUdpProtocol, 0, udp(99))))))),
      99u);
  EXPECT_EQ(payload(ethernet(kIpv6Type, ipv6(51, Bytes{kUdpProtocol, 4} + zeros(22) + udp(99)))), 99u);
}

TEST(CapturedPacket, AFragmentedDatagramIsOnePacket) {
  Bytes first = udp(3000);
  first.resize(1480);
  EXPECT_EQ(payload(ethernet(kIpv4Type, ipv4(kUdpProtocol, first, 0, 0x2000))), 3000u);
  EXPECT_EQ(payload(ethernet(kIpv4Type, ipv4(kUdpProtocol, zeros(1480), 0, 0x2000 | 185))), std::nullopt);
  EXPECT_EQ(payload(ethernet(kIpv6Type, ipv6(44, Bytes{kUdpProtocol, 0, 0, 1, 0, 0, 0, 1} + first))), 3000u);
  EXPECT_EQ(payload(ethernet(kIpv6Type, ipv6(44, Bytes{kUdpProtocol, 0, 5, 0xA8, 0, 0, 0, 1} + first))), std::nullopt);
}

TEST(CapturedPacket, SuperPacketsLengthsMayBeZero) {
  Bytes tso = ipv4(kTcpProtocol, tcp(70'000));
  tso[2] = tso[3] = 0;
  EXPECT_EQ(payload(ethernet(kIpv4Type, tso)), 70'000u);
}

TEST(CapturedPacket, OtherPacketsHaveNone) {
  EXPECT_EQ(payload(ethernet(0x0806, zeros(28))), std::nullopt);                            // ARP
  EXPECT_EQ(payload(ethernet(kIpv4Type, ipv4(1, zeros(64)))), std::nullopt);                // ICMP
  EXPECT_EQ(payload(ethernet(kIpv4Type, ipv4(kTcpProtocol, tcp(0)))), std::nullopt);        // an acknowledgement
  EXPECT_EQ(payload(ethernet(kIpv4Type, ipv6(kUdpProtocol, udp(9)))), std::nullopt);        // another version
  EXPECT_EQ(payload(ethernet(kIpv4Type, ipv4(kTcpProtocol, tcp(100, 16)))), std::nullopt);  // a header too short
  EXPECT_EQ(payload({}), std::nullopt);
  EXPECT_EQ(payload({}, Link::raw_ip), std::nullopt);
}

TEST(CapturedPacket, NoBytesAreReadBeyondTheCapture) {
  std::mt19937 random(1);
  const Bytes tagged =
      ethernet(kVlanType,
               vlan(kIpv6Type, ipv6(0, Bytes{44, 0} + zeros(6) + Bytes{kTcpProtocol, 0, 0, 0, 0, 0, 0, 0} + tcp(50))));
  for (int i = 0; i < 100'000; ++i) {
    const Bytes& base = i % 2 == 0 ? tagged : udp4(30);
    Bytes bytes(base.begin(), base.begin() + static_cast<std::ptrdiff_t>(random() % (base.size() + 1)));
    bytes.shrink_to_fit();  // so that a sanitizer sees a byte too far
    for (int j = 0; j < 3 && !bytes.empty(); ++j) bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    for (const Link link : {Link::ethernet, Link::cooked, Link::cooked_v2, Link::raw_ip}) {
      const auto wire = static_cast<std::uint32_t>(bytes.size() + random() % 100);
      const auto found = payload_of(bytes, link, wire);
      EXPECT_LE(found.value_or(0), 65'635u);
    }
  }
}

}  // namespace
}  // namespace paceline::traffic
