// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "paceline/clock.h"

namespace paceline::decoder {

/// One data packet of a flow as the receiver saw it: the decoder's only input on the hot path.
struct PacketObservation {
  static constexpr ReceiverTime kNoStamp = ReceiverTime::min();

  std::uint64_t sequence = 0;  // extended to 64 bit
  SenderTime tx_user{};        // extended to 64 bit
  std::int64_t lateness = 0;   // nanoseconds; tx.due = tx.user - lateness
  ReceiverTime rx_tc = kNoStamp;
  ReceiverTime rx_user{};
  std::uint32_t size = 0;  // UDP payload, bytes
};

/// What else the receiver counts for a flow, with the time at which it did.
enum class Counted : std::uint8_t { unbound = 1, invalid = 2, lost_in_socket = 3 };

}  // namespace paceline::decoder
