// SPDX-License-Identifier: MIT
//
// A record file's packets one by one, for who prints them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "decoder/arrival_order.h"
#include "decoder/record_reader.h"
#include "paceline/clock.h"

namespace paceline::decoder {

/// One packet as it arrived. Times are nanoseconds of each end's CLOCK_MONOTONIC; RecordReader::start() has the flow's
/// start and the clocks' map.
struct RecordedPacket {
  std::uint64_t sequence = 0;
  SenderTime tx_due{};
  SenderTime tx_user{};
  std::optional<ReceiverTime> rx_tc;  // when stamped
  ReceiverTime rx_user{};
  std::uint32_t size = 0;  // bytes of UDP payload
  ArrivalOrder::Kind kind{};
};

/// Calls `use` with each packet that is left in the file, copies and strangers' included, in the order of arrival, on
/// this thread. Constant memory. Damage is noted in the reader; afterwards it has end().
void for_each_packet(RecordReader& reader, const std::function<void(const RecordedPacket&)>& use);

}  // namespace paceline::decoder
