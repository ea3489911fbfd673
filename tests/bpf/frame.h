// SPDX-License-Identifier: MIT
//
// Frames for the TC program, built header by header: ethernet(kIpv4) + ipv4(kUdp) + ports(8999).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace paceline::bpf::test {

using Bytes = std::vector<std::uint8_t>;
Bytes operator+(Bytes head, const Bytes& tail);

inline constexpr std::uint16_t kIpv4 = 0x0800;
inline constexpr std::uint16_t kIpv6 = 0x86dd;
inline constexpr std::uint16_t kArp = 0x0806;
inline constexpr std::uint16_t kVlan = 0x8100;
inline constexpr std::uint16_t kServiceVlan = 0x88a8;

inline constexpr std::uint8_t kHopByHop = 0;
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kRouting = 43;
inline constexpr std::uint8_t kFragmentHeader = 44;
inline constexpr std::uint8_t kIcmp6 = 58;
inline constexpr std::uint8_t kNoNextHeader = 59;
inline constexpr std::uint8_t kDestinationOptions = 60;

inline constexpr std::uint16_t kDontFragment = 0x4000;
inline constexpr std::uint16_t kMoreFragments = 0x2000;

Bytes ethernet(std::uint16_t type);
Bytes vlan(std::uint16_t type);
/// `options` bytes of no-operation, a multiple of 4; `fragment`: flags and offset. Carries 8 bytes of UDP and
/// 32 more.
Bytes ipv4(std::uint8_t protocol, unsigned options = 0, std::uint16_t fragment = kDontFragment);
Bytes ipv6(std::uint8_t next);
/// An extension header of `size` bytes, a multiple of 8.
Bytes extension(std::uint8_t next, unsigned size = 8);
/// A UDP header to `destination` and 32 bytes; its first 4 bytes are a TCP header's, too.
Bytes ports(std::uint16_t destination, std::uint16_t source = 40000);

/// `ip` (ipv4() or ipv6(), with what stands between it and the transport header) with its length field set for that
/// many bytes more; 0 leaves the field at 0, as BIG TCP does.
Bytes carrying(Bytes ip, std::size_t transport);

struct TcpHead {
  std::uint16_t destination = 0;
  std::uint32_t sequence = 0;
  bool syn = false;
  std::uint16_t source = 40000;
  unsigned options = 0;  ///< bytes, a multiple of 4
};
/// A TCP header; no payload.
Bytes tcp(const TcpHead& head);

/// The head of a packet of ours (proto/packet.h) behind a UDP header to `destination`.
Bytes data_packet(std::uint16_t destination, std::uint32_t flow_id, std::uint8_t magic = 0xD1);

}  // namespace paceline::bpf::test
