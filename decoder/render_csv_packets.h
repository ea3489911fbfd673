// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

#include "decoder/record_packets.h"

namespace paceline::decoder {

/// A record file's packets as CSV: the columns' names, and a packet's row; no line ends. Times are nanoseconds of each
/// end's CLOCK_MONOTONIC, as recorded; the delay is tx.user to rx.user by the flow's clock map. `flow` counts from 0.
std::string csv_packets_header();
std::string csv_packet(std::size_t flow, const RecordedPacket& packet, const ClockMap& clocks);

}  // namespace paceline::decoder
