// SPDX-License-Identifier: MIT
#include "traffic/captured_packet.h"

#include <cstddef>

namespace paceline::traffic {

namespace {

constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86DD;
constexpr std::uint8_t kTcp = 6, kUdp = 17;
constexpr int kMostTags = 4;
constexpr int kMostExtensions = 16;
constexpr std::uint32_t kIpv6Header = 40;
constexpr std::uint32_t kUdpHeader = 8;

bool is_vlan(std::uint16_t type) { return type == 0x8100 || type == 0x88A8 || type == 0x9100; }

/// The bytes from one header on. Reading beyond them makes it bad.
class Headers {
 public:
  Headers(std::span<const std::uint8_t> captured, std::uint32_t wire_length)
      : captured_(captured), wire_length_(wire_length) {}

  std::optional<std::uint8_t> byte(std::size_t at) const {
    return at < captured_.size() ? std::optional(captured_[at]) : std::nullopt;
  }
  std::optional<std::uint16_t> word(std::size_t at) const {
    if (at + 2 > captured_.size()) return std::nullopt;
    return static_cast<std::uint16_t>(captured_[at] << 8 | captured_[at + 1]);
  }
  /// Of what began here, on the wire.
  std::uint32_t wire_length() const { return wire_length_; }

  /// Behind the header that is here; nullopt where the capture or the packet ends before.
  std::optional<Headers> behind(std::uint32_t header) const {
    if (header > captured_.size() || header > wire_length_) return std::nullopt;
    return Headers(captured_.subspan(header), wire_length_ - header);
  }
  /// As long as a length field says; 0 (a super-packet's) and more than there is mean all.
  Headers limited(std::uint32_t length) const {
    return Headers(captured_, length == 0 || length > wire_length_ ? wire_length_ : length);
  }

 private:
  std::span<const std::uint8_t> captured_;
  std::uint32_t wire_length_;
};

using Payload = std::optional<std::uint32_t>;

Payload udp(const Headers& packet) {
  const auto length = packet.word(4);
  if (!length) return std::nullopt;
  // A fragmented datagram's length is more than this packet has; a super-packet's may be 0.
  const std::uint32_t whole = *length == 0 ? packet.wire_length() : *length;
  if (whole < kUdpHeader) return std::nullopt;
  return whole - kUdpHeader;
}

Payload tcp(const Headers& packet) {
  const auto offset = packet.byte(12);
  if (!offset) return std::nullopt;
  const std::uint32_t header = (*offset >> 4) * 4u;
  if (header < 20 || header >= packet.wire_length()) return std::nullopt;
  return packet.wire_length() - header;
}

Payload transport(std::uint8_t protocol, const std::optional<Headers>& packet) {
  if (!packet) return std::nullopt;
  if (protocol == kUdp) return udp(*packet);
  return protocol == kTcp ? tcp(*packet) : std::nullopt;
}

Payload ipv4(const Headers& packet) {
  const auto first = packet.byte(0);
  const auto length = packet.word(2), fragment = packet.word(6);
  const auto protocol = packet.byte(9);
  if (!protocol || *first >> 4 != 4 || (*fragment & 0x1FFF) != 0) return std::nullopt;
  const std::uint32_t header = (*first & 15) * 4u;
  if (header < 20) return std::nullopt;
  return transport(*protocol, packet.limited(*length).behind(header));
}

Payload ipv6(const Headers& packet) {
  const auto first = packet.byte(0);
  const auto length = packet.word(4);
  const auto protocol = packet.byte(6);
  if (!protocol || *first >> 4 != 6) return std::nullopt;
  std::uint8_t next = *protocol;
  auto rest = packet.limited(*length == 0 ? 0 : *length + kIpv6Header).behind(kIpv6Header);
  for (int extensions = 0; rest && extensions < kMostExtensions; ++extensions) {
    constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51, kDestination = 60;
    const bool fragment = next == kFragment, authentication = next == kAuthentication;
    if (!fragment && !authentication && next != kHopByHop && next != kRouting && next != kDestination) break;
    const auto following = rest->byte(0), size = rest->byte(1);
    const auto offset = rest->word(2);
    if (!offset || (fragment && (*offset & 0xFFF8) != 0)) return std::nullopt;
    next = *following;
    const std::uint32_t header = fragment ? 8u : authentication ? (*size + 2u) * 4 : (*size + 1u) * 8;
    rest = rest->behind(header);
  }
  return transport(next, rest);
}

Payload ip(std::optional<std::uint16_t> type, const std::optional<Headers>& packet) {
  if (!type || !packet) return std::nullopt;
  if (*type == kIpv4) return ipv4(*packet);
  return *type == kIpv6 ? ipv6(*packet) : std::nullopt;
}

/// Past the tags that stand where a network protocol's number was expected.
Payload tagged(std::optional<std::uint16_t> type, std::optional<Headers> packet) {
  for (int tags = 0; type && is_vlan(*type) && packet && tags < kMostTags; ++tags) {
    type = packet->word(2);
    packet = packet->behind(4);
  }
  return ip(type, packet);
}

}  // namespace

std::optional<std::uint32_t> payload_of(std::span<const std::uint8_t> captured, Link link, std::uint32_t wire_length) {
  const Headers packet(captured, wire_length);
  switch (link) {
    case Link::ethernet: return tagged(packet.word(12), packet.behind(14));
    case Link::cooked: return tagged(packet.word(14), packet.behind(16));
    case Link::cooked_v2: return tagged(packet.word(0), packet.behind(20));
    case Link::raw_ip: {
      const auto first = packet.byte(0);
      return first && *first >> 4 == 6 ? ipv6(packet) : ipv4(packet);
    }
  }
  return std::nullopt;
}

}  // namespace paceline::traffic
