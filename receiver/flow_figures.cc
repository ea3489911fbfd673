// SPDX-License-Identifier: MIT
#include "receiver/flow_figures.h"

namespace paceline::receiver {

namespace {

constexpr std::size_t kHostSegment = kSegmentCount - 1;  // rx.tc to rx.user
static_assert(kSegments[kHostSegment].from == Point::rx_tc && kSegments[kHostSegment].to == Point::rx_user);

}  // namespace

void FlowFigures::add(const PacketInterval& interval) {
  if (interval.omitted) return;
  const Received& received = interval.received;
  for (std::size_t i = 0; i < kPacketCounts.size(); ++i) packets[i] += received.*kPacketCounts[i].member;
  expected.add(static_cast<std::int64_t>(received.packets) + received.lost);
  received_bytes += received.bytes;
  for (std::size_t i = 0; i < kSegmentCount; ++i) delays[i].add(interval.statistics.segments[i]);
}

void FlowFigures::add(const TcpInterval& interval) {
  if (interval.omitted) return;
  for (const StreamInterval& stream : interval.streams) {
    received_bytes += stream.received;
    written_bytes += stream.written;
  }
  delays[kHostSegment].add(interval.host_delay);
}

}  // namespace paceline::receiver
