// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "paceline/result.h"
#include "receiver/metrics_text.h"

namespace paceline::receiver {

/// A sum of what may be negative that never goes down itself: what is taken back is made up for first.
class RisingSum {
 public:
  void add(std::int64_t more) {
    pending_ += more;
    if (pending_ <= 0) return;
    value_ += static_cast<std::uint64_t>(pending_);
    pending_ = 0;
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
  std::int64_t pending_ = 0;  // not above 0
};

/// A count of packets that a flow's results have, and its name among the metrics.
struct PacketCount {
  std::uint64_t Received::*member;
  std::string_view name;
  std::string_view help;
};

inline constexpr std::array<PacketCount, 9> kPacketCounts{{
    {&Received::packets, "received_packets_total", "Distinct packets that arrived."},
    {&Received::duplicated, "duplicated_packets_total", "Further copies of packets that had arrived."},
    {&Received::reordered, "reordered_packets_total", "Packets that arrived after one sent later."},
    {&Received::lost_in_socket, "socket_lost_packets_total",
     "Datagrams dropped at the receive socket while the flow ran; flows that share a socket count each other's."},
    {&Received::unbound, "unbound_packets_total", "Packets with a flow's id from an address that is not the flow's."},
    {&Received::invalid, "invalid_packets_total", "Packets with a flow's id that were not what was negotiated."},
    {&Received::beyond_window, "late_packets_total", "Packets older than the window in which copies are told apart."},
    {&Received::stamped, "stamped_packets_total", "Packets with a receive stamp of the hook."},
    {&Received::missed, "missed_stamps_total", "Packets without a receive stamp though a hook was in use."},
}};

/// What some flows of one kind have brought so far, by their intervals; a warm-up's are left out, as in results.
struct FlowFigures {
  std::array<std::uint64_t, kPacketCounts.size()> packets{};  // in the order of kPacketCounts
  RisingSum expected;  // received or lost; a loss that is taken back was a packet that has come now
  std::uint64_t received_bytes = 0;
  std::uint64_t written_bytes = 0;
  std::array<DelayBuckets, kSegmentCount> delays{};  // in the order of kSegments

  void add(const PacketInterval& interval);
  void add(const TcpInterval& interval);
};

}  // namespace paceline::receiver
