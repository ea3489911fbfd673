// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace paceline::traffic {

/// What goes before each packet of a flow where the socket asks for more than the packet: ICMP's header, say. Used on
/// the sending thread: must not block, lock or allocate.
class Envelope {
 public:
  virtual ~Envelope() = default;
  /// Bytes before the packet.
  virtual std::size_t head() const = 0;
  /// Fills in the head of `message`, in which the packet is written by now.
  virtual void seal(std::span<std::uint8_t> message, std::uint64_t sequence) = 0;
};

}  // namespace paceline::traffic
