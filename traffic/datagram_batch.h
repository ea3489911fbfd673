// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "paceline/clock.h"
#include "paceline/flow.h"
#include "traffic/envelope.h"
#include "traffic/payload_bytes.h"

namespace paceline::traffic {

/// The data packets of one UDP flow that a call hands to the kernel. All memory is made with it; from call to call only
/// the packets' headers are written anew, and what they carry if it is not zeros.
class DatagramBatch {
 public:
  /// As many datagrams of this size as are worth handing over in one call: more cost no less each.
  static std::size_t worthwhile(Batching batching, std::uint32_t size);

  /// `size`: of the largest datagram. `payload`: null for zeros. `envelope`: what goes before each packet, of
  /// Batching::single alone; null: nothing. Precondition: `capacity` is 1 for Batching::single, else 1 to
  /// PacketFlowSpec::kMaxBatch.
  DatagramBatch(int socket, std::uint32_t flow_id, std::uint32_t size, Batching batching, std::size_t capacity,
                std::shared_ptr<const PayloadBytes> payload = nullptr, Envelope* envelope = nullptr);
  DatagramBatch(const DatagramBatch&) = delete;
  DatagramBatch& operator=(const DatagramBatch&) = delete;

  /// Makes datagram `index` one of `size` bytes. Precondition: index < capacity(), and the size is a header's to the
  /// largest.
  void write(std::size_t index, std::uint32_t size, std::uint64_t sequence, SenderTime now, std::int64_t lateness_ns);

  struct Handed {
    std::size_t datagrams = 0;  ///< the first so many have left
    int error = 0;              ///< an errno, when none has
  };
  /// Hands the first `count` datagrams to the kernel. Where it refuses super-packets, smaller ones are tried, then none
  /// from then on; nor any from the first datagram on that is smaller than the largest: what a super-packet is cut into
  /// has one size. Precondition: 0 < count <= capacity().
  Handed send(std::size_t count);

  std::size_t capacity() const { return capacity_; }
  /// As used by now.
  Batching batching() const { return batching_; }

 private:
  void lay_out(std::size_t segments);
  void travel_alone();
  Handed send_messages(std::size_t count);

  int socket_;
  std::uint32_t flow_id_;
  std::size_t size_;  // of the largest, and from each datagram's place to the next one's
  Batching batching_;
  std::size_t capacity_;
  std::size_t segments_ = 1;  // datagrams in a message: more than one in a super-packet
  Envelope* envelope_;
  std::size_t head_;                 // bytes of it
  std::vector<std::uint8_t> bytes_;  // the datagrams, one behind the other, after the envelope's head
  std::vector<std::uint32_t> sizes_;
  std::shared_ptr<const PayloadBytes> payload_;
  struct alignas(cmsghdr) {
    std::uint8_t bytes[CMSG_SPACE(sizeof(std::uint16_t))] = {};
  } segment_size_;  // control message that goes with a super-packet
  std::vector<iovec> vectors_;
  std::vector<mmsghdr> messages_;
};

}  // namespace paceline::traffic
