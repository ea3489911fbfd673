// SPDX-License-Identifier: MIT
#include "decoder/render_csv_packets.h"

#include <string_view>

#include "decoder/csv_cells.h"

namespace paceline::decoder {

namespace {

std::string_view to_string(ArrivalOrder::Kind kind) {
  switch (kind) {
    case ArrivalOrder::Kind::in_order: return "in_order";
    case ArrivalOrder::Kind::reordered: return "reordered";
    case ArrivalOrder::Kind::duplicate: return "duplicate";
    case ArrivalOrder::Kind::beyond_window: return "beyond_window";
    case ArrivalOrder::Kind::impossible: return "impossible";
  }
  return "impossible";
}

constexpr std::size_t kColumns = 9;

}  // namespace

std::string csv_packets_header() {
  return "flow,sequence,arrival,bytes,tx_due_ns,tx_user_ns,rx_tc_ns,rx_user_ns,delay_ns";
}

std::string csv_packet(std::size_t flow, const RecordedPacket& packet, const ClockMap& clocks) {
  CsvCells cells;
  cells.add(flow);
  cells.add(packet.sequence);
  cells.add(to_string(packet.kind));
  cells.add(packet.size);
  cells.add(packet.tx_due.time_since_epoch().count());
  cells.add(packet.tx_user.time_since_epoch().count());
  if (packet.rx_tc)
    cells.add(packet.rx_tc->time_since_epoch().count());
  else
    cells.blanks(1);
  cells.add(packet.rx_user.time_since_epoch().count());
  cells.add((packet.rx_user - clocks.to_receiver(packet.tx_user)).count());
  return cells.take(kColumns);
}

}  // namespace paceline::decoder
