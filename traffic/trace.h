// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace paceline::traffic {

/// Packets as a file has them, not scaled.
struct Trace {
  struct Packet {
    std::int64_t at = 0;  ///< ns since the trace's start; a capture's may go back
    std::uint32_t payload = 0;
  };

  static constexpr std::size_t kMostPackets = std::size_t{1} << 26;  // a gigabyte

  std::vector<Packet> packets;  ///< at least one
  std::int64_t end = 0;         ///< of the last packet in time, ns
  std::int64_t period = 0;      ///< from one repetition's start to the next; 0 if all packets come at once
};

/// Reads a capture (pcap, pcapng: told by its first bytes) or a CSV. In a capture the first packet with UDP or TCP
/// payload is the start; a repetition begins a mean gap after the last packet. A line of a CSV is the gap to the packet
/// before it (of the first: to the start) and its payload; a repetition begins with the first line's gap, or the mean
/// gap if that is 0. Throws UsageError, with line and column or the number of the packet.
std::shared_ptr<const Trace> read_trace(const std::string& file);

}  // namespace paceline::traffic
