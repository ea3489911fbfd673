// SPDX-License-Identifier: MIT
//
// Packets as captures have them, built header by header.
#pragma once

#include <cstdint>
#include <vector>

namespace paceline::traffic {

using Bytes = std::vector<std::uint8_t>;

inline Bytes operator+(Bytes head, const Bytes& rest) {
  head.insert(head.end(), rest.begin(), rest.end());
  return head;
}

inline std::uint8_t high(std::size_t word) { return static_cast<std::uint8_t>(word >> 8); }
inline std::uint8_t low(std::size_t word) { return static_cast<std::uint8_t>(word); }
inline Bytes zeros(std::size_t count) { return Bytes(count, 0); }

inline Bytes udp(std::size_t payload) {
  return Bytes{0x30, 0x39, 0x23, 0x27, high(payload + 8), low(payload + 8), 0, 0} + zeros(payload);
}
inline Bytes tcp(std::size_t payload, std::uint8_t header = 32) {
  Bytes bytes = zeros(header);
  bytes[12] = static_cast<std::uint8_t>(header / 4 << 4);
  return bytes + zeros(payload);
}
inline Bytes ipv4(std::uint8_t protocol, const Bytes& rest, std::size_t options = 0, std::uint16_t fragment = 0) {
  const std::size_t header = 20 + options, length = header + rest.size();
  Bytes bytes = zeros(header);
  bytes[0] = static_cast<std::uint8_t>(0x40 | header / 4);
  bytes[2] = high(length);
  bytes[3] = low(length);
  bytes[6] = high(fragment);
  bytes[7] = low(fragment);
  bytes[9] = protocol;
  return bytes + rest;
}
inline Bytes ipv6(std::uint8_t next, const Bytes& rest) {
  Bytes bytes = zeros(40);
  bytes[0] = 0x60;
  bytes[4] = high(rest.size());
  bytes[5] = low(rest.size());
  bytes[6] = next;
  return bytes + rest;
}
inline Bytes ethernet(std::uint16_t type, const Bytes& rest) { return zeros(12) + Bytes{high(type), low(type)} + rest; }
inline Bytes vlan(std::uint16_t type, const Bytes& rest) { return Bytes{0, 7, high(type), low(type)} + rest; }

inline constexpr std::uint16_t kIpv4Type = 0x0800, kIpv6Type = 0x86DD, kVlanType = 0x8100, kServiceTagType = 0x88A8;
inline constexpr std::uint8_t kTcpProtocol = 6, kUdpProtocol = 17;

}  // namespace paceline::traffic
