// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace paceline::traffic {

/// Records on their way back over the connection that brought them. Bounded: who fills it makes sure that there is
/// room.
class EchoQueue {
 public:
  /// `sctp_streams`: used by turns, a record a message; 0: TCP.
  EchoQueue(std::size_t capacity, std::uint16_t sctp_streams);

  /// The record of this packet, as an echo. Precondition: it fits.
  void add(std::span<const std::uint8_t> packet);
  bool empty() const { return sent_ == used_; }

  /// Sends as much as the socket takes. 0, or an errno (EAGAIN is none).
  int flush(int socket);

 private:
  std::ptrdiff_t send_some(int socket);

  std::vector<std::uint8_t> bytes_;
  std::size_t used_ = 0;
  std::size_t sent_ = 0;
  std::uint16_t sctp_streams_;
  std::uint64_t messages_ = 0;
};

}  // namespace paceline::traffic
