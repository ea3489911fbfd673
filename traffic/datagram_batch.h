// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "paceline/clock.h"
#include "paceline/flow.h"

namespace paceline::traffic {

/// The data packets of one UDP flow that a call hands to the kernel. All memory is made with it; from call to call only
/// the packets' headers are written anew.
class DatagramBatch {
 public:
  /// As many datagrams of this size as are worth handing over in one call: more cost no less each.
  static std::size_t worthwhile(Batching batching, std::uint32_t size);

  /// Precondition: `capacity` is 1 for Batching::single, else 1 to UdpFlowSpec::kMaxBatch.
  DatagramBatch(int socket, std::uint32_t flow_id, std::uint32_t size, Batching batching, std::size_t capacity);
  DatagramBatch(const DatagramBatch&) = delete;
  DatagramBatch& operator=(const DatagramBatch&) = delete;

  /// Writes the header of datagram `index`. Precondition: index < capacity().
  void write(std::size_t index, std::uint64_t sequence, SenderTime now, std::int64_t lateness_ns);

  struct Handed {
    std::size_t datagrams = 0;  ///< the first so many have left
    int error = 0;              ///< an errno, when none has
  };
  /// Hands the first `count` datagrams to the kernel. Where it refuses super-packets, smaller ones are tried, then none
  /// from then on. Precondition: 0 < count <= capacity().
  Handed send(std::size_t count);

  std::size_t capacity() const { return capacity_; }
  /// As used by now.
  Batching batching() const { return batching_; }

 private:
  void lay_out(std::size_t segments);
  Handed send_messages(std::size_t count);

  int socket_;
  std::uint32_t flow_id_;
  std::size_t size_;
  Batching batching_;
  std::size_t capacity_;
  std::size_t segments_ = 1;         // datagrams in a message: more than one in a super-packet
  std::vector<std::uint8_t> bytes_;  // the datagrams, one behind the other
  struct alignas(cmsghdr) {
    std::uint8_t bytes[CMSG_SPACE(sizeof(std::uint16_t))] = {};
  } segment_size_;  // control message that goes with a super-packet
  std::vector<iovec> vectors_;
  std::vector<mmsghdr> messages_;
};

}  // namespace paceline::traffic
