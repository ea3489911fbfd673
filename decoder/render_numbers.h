// SPDX-License-Identifier: MIT
//
// Numbers that are worked out for showing, in the same way by all renderers.
#pragma once

#include <cstdint>

#include "paceline/result.h"

namespace paceline::decoder {

/// Bits of payload a second over a span that packets delimit, as rate_pps().
inline double rate_bps(std::uint64_t packets, std::uint64_t bytes, nanoseconds span) {
  if (packets == 0) return 0;
  return rate_pps(packets, span) * 8 * static_cast<double>(bytes) / static_cast<double>(packets);
}

/// Whether datagrams shared packet buffers on their way, so that the network stack worked once for several.
inline bool offloaded(const PacketFlowResult& flow) {
  return flow.arrivals.skbs > 0 && flow.arrivals.skbs < flow.received.packets;
}

/// What all streams of a row did together; of the sending end's state the counts and rates are sums, the round trips
/// the mean of the streams that told theirs.
inline StreamInterval sum(const TcpInterval& row) {
  StreamInterval all;
  std::int64_t told = 0;
  for (const StreamInterval& stream : row.streams) {
    all.written += stream.written;
    all.received += stream.received;
    all.retransmits += stream.retransmits;
    if (stream.info.mss == 0) continue;
    ++told;
    all.info.smoothed_rtt += stream.info.smoothed_rtt;
    all.info.rtt_variance += stream.info.rtt_variance;
    all.info.delivery_rate_bps += stream.info.delivery_rate_bps;
  }
  if (told > 0) {
    all.info.smoothed_rtt /= told;
    all.info.rtt_variance /= told;
  }
  return all;
}

/// The bytes of a stream's congestion window.
inline std::uint64_t window_bytes(const TcpInfo& info) { return std::uint64_t{info.congestion_window} * info.mss; }

/// Bits received a second in a row, by its span.
inline double goodput_bps(const TcpInterval& row, std::uint64_t bytes) {
  return paceline::goodput_bps(bytes, row.start, row.end);
}

/// Bits received a second, from the measured part's start to the last byte.
inline double goodput_bps(const TcpFlowResult& flow) {
  return paceline::goodput_bps(flow.received, flow.spec.omit, flow.last_arrival);
}
inline double goodput_bps(const StreamResult& stream, const TcpFlowSpec& spec) {
  return paceline::goodput_bps(stream.received, spec.omit, stream.last_arrival);
}

/// Both modes' CPU time. `bytes` > 0.
inline double seconds_per_gigabyte(const CpuTime& cpu, std::uint64_t bytes) {
  return static_cast<double>((cpu.user + cpu.system).count()) / static_cast<double>(bytes);  // ns a byte
}

/// Exchanges that came to their end a second.
inline double rate_cps(const ConnectionFlowResult& flow) { return rate_pps(flow.exchanges.completed, flow.span); }

}  // namespace paceline::decoder
