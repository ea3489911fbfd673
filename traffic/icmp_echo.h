// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "paceline/flow.h"
#include "traffic/address.h"
#include "traffic/envelope.h"
#include "traffic/file_descriptor.h"

namespace paceline::traffic {

/// Echo requests to one host and the replies to them, over ICMP (RFC 792) or ICMPv6 (RFC 4443): the socket, what goes
/// before a packet, and what comes before it when it is back. Not thread-safe but for seal() beside packet_in().
class IcmpEcho : public Envelope {
 public:
  static constexpr std::size_t kHeader = 8;

  /// A ping socket where net.ipv4.ping_group_range allows it, else a raw one. Throws SetupError
  /// that names what either would take, or which option the kernel refuses.
  IcmpEcho(const Address& to, const SocketSpec& options);

  /// Connected, non-blocking; the kernel stamps what it receives (SO_TIMESTAMPING), and queues errors (IP_RECVERR).
  int fd() const { return fd_.get(); }
  bool raw() const { return raw_; }
  Address local() const;

  std::size_t head() const override { return kHeader; }
  void seal(std::span<std::uint8_t> message, std::uint64_t sequence) override;

  /// The packet that an echo reply brought back, of what was read from the socket; nothing if it is no reply to a
  /// request of this socket.
  std::optional<std::span<const std::uint8_t>> packet_in(std::span<const std::uint8_t> read) const;

 private:
  bool ipv6_;
  bool raw_ = false;
  std::uint16_t identifier_ = 0;
  FileDescriptor fd_;
};

}  // namespace paceline::traffic
