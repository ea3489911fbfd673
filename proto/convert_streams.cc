// SPDX-License-Identifier: MIT
//
// TCP and connection flows: what convert.h says of them.
#include <cmath>
#include <string>

#include "proto/check.h"
#include "proto/convert.h"
#include "proto/convert_spec.h"

namespace paceline::wire {

namespace {

constexpr int kMaxStreams = static_cast<int>(paceline::TcpFlowSpec::kMaxStreams);

Direction to_wire(paceline::Direction direction) {
  return direction == paceline::Direction::forward ? DIRECTION_FORWARD : DIRECTION_REVERSE;
}

paceline::Direction from_wire(Direction direction) {
  switch (direction) {
    case DIRECTION_FORWARD: return paceline::Direction::forward;
    case DIRECTION_REVERSE: return paceline::Direction::reverse;
    default: throw WireError("unknown direction");
  }
}

SendMode to_wire(paceline::SendMode mode) {
  return mode == paceline::SendMode::copy ? SEND_MODE_COPY : SEND_MODE_ZERO_COPY;
}

paceline::SendMode from_wire(SendMode mode) {
  switch (mode) {
    case SEND_MODE_COPY: return paceline::SendMode::copy;
    case SEND_MODE_ZERO_COPY: return paceline::SendMode::zero_copy;
    default: throw WireError("unknown way to send");
  }
}

ReceiveMode to_wire(paceline::ReceiveMode mode) {
  return mode == paceline::ReceiveMode::discard ? RECEIVE_MODE_DISCARD : RECEIVE_MODE_COPY;
}

paceline::ReceiveMode from_wire(ReceiveMode mode) {
  switch (mode) {
    case RECEIVE_MODE_DISCARD: return paceline::ReceiveMode::discard;
    case RECEIVE_MODE_COPY: return paceline::ReceiveMode::copy;
    default: throw WireError("unknown way to receive");
  }
}

// A time that passed; less than none did not.
nanoseconds passed(std::int64_t ns, const char* what) {
  require(ns >= 0, what);
  return nanoseconds{ns};
}

double rate(double bps) {
  require(std::isfinite(bps) && bps >= 0, "rate that is none");
  return bps;
}

void to_wire(const paceline::TcpInfo& from, TcpInfo& to) {
  to.set_retransmits(from.retransmits);
  to.set_bytes_retransmitted(from.bytes_retransmitted);
  to.set_smoothed_rtt(from.smoothed_rtt.count());
  to.set_rtt_variance(from.rtt_variance.count());
  to.set_min_rtt(from.min_rtt.count());
  to.set_congestion_window(from.congestion_window);
  to.set_mss(from.mss);
  to.set_delivery_rate_bps(from.delivery_rate_bps);
  to.set_pacing_rate_bps(from.pacing_rate_bps);
  to.set_busy(from.busy.count());
  to.set_receive_window_limited(from.receive_window_limited.count());
  to.set_send_buffer_limited(from.send_buffer_limited.count());
}

paceline::TcpInfo from_wire(const TcpInfo& from) {
  paceline::TcpInfo to;
  to.retransmits = from.retransmits();
  to.bytes_retransmitted = from.bytes_retransmitted();
  to.smoothed_rtt = passed(from.smoothed_rtt(), "round trip below 0");
  to.rtt_variance = passed(from.rtt_variance(), "variance of round trips below 0");
  to.min_rtt = passed(from.min_rtt(), "least round trip below 0");
  to.congestion_window = from.congestion_window();
  to.mss = from.mss();
  to.delivery_rate_bps = rate(from.delivery_rate_bps());
  to.pacing_rate_bps = rate(from.pacing_rate_bps());
  to.busy = passed(from.busy(), "busy time below 0");
  to.receive_window_limited = passed(from.receive_window_limited(), "time limited by the receive window below 0");
  to.send_buffer_limited = passed(from.send_buffer_limited(), "time limited by the send buffer below 0");
  return to;
}

void to_wire(const paceline::WireCounts& from, WireCounts& to) {
  to.set_skbs(from.skbs);
  to.set_segments(from.segments);
  to.set_bytes(from.bytes);
  to.set_retransmitted_bytes(from.retransmitted_bytes);
  to.set_granules(from.granules);
  to.set_granules_missed(from.granules_missed);
}

paceline::WireCounts from_wire(const WireCounts& from) {
  return {from.skbs(),     from.segments(),       from.bytes(), from.retransmitted_bytes(),
          from.granules(), from.granules_missed()};
}

void to_wire(const paceline::StreamInterval& from, StreamInterval& to) {
  to.set_written(from.written);
  to.set_received(from.received);
  to_wire(from.info, *to.mutable_info());
  to_wire(from.wire, *to.mutable_wire());
  to.set_retransmits(from.retransmits);
}

paceline::StreamInterval from_wire(const StreamInterval& from) {
  return {from.written(), from.received(), from_wire(from.info()), from_wire(from.wire()), from.retransmits()};
}

void to_wire(const paceline::StreamResult& from, StreamResult& to) {
  to.set_sent_from(from.sent_from);
  to.set_connect(from.connect.count());
  to.set_written(from.written);
  to.set_received(from.received);
  to.set_first_arrival(from.first_arrival.count());
  to.set_last_arrival(from.last_arrival.count());
  to_wire(from.goodput, *to.mutable_goodput());
  to_wire(from.info, *to.mutable_info());
  to_wire(from.wire, *to.mutable_wire());
  to.set_ended(from.ended);
  to.set_retransmits(from.retransmits);
}

paceline::StreamResult from_wire(const StreamResult& from) {
  paceline::StreamResult to;
  to.sent_from = text(from.sent_from());
  to.connect = passed(from.connect(), "connection that was made before it was asked for");
  to.written = from.written();
  to.received = from.received();
  to.first_arrival = nanoseconds{from.first_arrival()};
  to.last_arrival = nanoseconds{from.last_arrival()};
  to.goodput = wire::from_wire(from.goodput());
  to.info = from_wire(from.info());
  to.wire = from_wire(from.wire());
  to.ended = text(from.ended());
  to.retransmits = from.retransmits();
  return to;
}

}  // namespace

void to_wire(const paceline::TcpFlowSpec& from, TcpFlowSpec& to) {
  to.set_streams(from.streams);
  to.set_bitrate_bps(from.bitrate_bps);
  to.set_bytes(from.bytes);
  to.set_duration(from.duration.count());
  to.set_omit(from.omit.count());
  to.set_interval(from.interval.count());
  to.set_direction(to_wire(from.direction));
  to.set_congestion(from.congestion);
  to.set_mss(from.mss);
  to.set_socket_buffer(from.socket_buffer);
  to.set_no_delay(from.no_delay);
  to.set_send(to_wire(from.send));
  to.set_receive(to_wire(from.receive));
  to.set_name(from.name);
  to.set_delay(from.delay.count());
  to_wire(from.socket, *to.mutable_socket());
}

paceline::TcpFlowSpec from_wire(const TcpFlowSpec& from) {
  paceline::TcpFlowSpec to;
  to.streams = from.streams();
  to.bitrate_bps = from.bitrate_bps();
  to.bytes = from.bytes();
  to.duration = nanoseconds{from.duration()};
  to.omit = nanoseconds{from.omit()};
  to.interval = nanoseconds{from.interval()};
  to.direction = from_wire(from.direction());
  to.congestion = from.congestion();
  to.mss = from.mss();
  to.socket_buffer = from.socket_buffer();
  to.no_delay = from.no_delay();
  to.send = from_wire(from.send());
  to.receive = from_wire(from.receive());
  to.name = verbatim(from.name());
  to.delay = nanoseconds{from.delay()};
  to.socket = from_wire(from.socket());
  require_valid(to);
  return to;
}

void to_wire(const paceline::ConnectionFlowSpec& from, ConnectionFlowSpec& to) {
  to.set_transport(to_wire(from.transport));
  to.set_rate(from.rate);
  to.set_concurrency(from.concurrency);
  to.set_timeout(from.timeout.count());
  to.set_duration(from.duration.count());
  to.set_omit(from.omit.count());
  to.set_interval(from.interval.count());
  to.set_name(from.name);
  to.set_delay(from.delay.count());
  to_wire(from.socket, *to.mutable_socket());
}

paceline::ConnectionFlowSpec from_wire(const ConnectionFlowSpec& from) {
  paceline::ConnectionFlowSpec to;
  to.transport = from_wire(from.transport());
  to.rate = from.rate();
  to.concurrency = from.concurrency();
  to.timeout = nanoseconds{from.timeout()};
  to.duration = nanoseconds{from.duration()};
  to.omit = nanoseconds{from.omit()};
  to.interval = nanoseconds{from.interval()};
  to.name = verbatim(from.name());
  to.delay = nanoseconds{from.delay()};
  to.socket = from_wire(from.socket());
  require_valid(to);
  return to;
}

void to_wire(const paceline::TcpInterval& from, TcpInterval& to) {
  to.set_index(from.index);
  to.set_start(from.start.count());
  to.set_end(from.end.count());
  to.set_last(from.last);
  to.set_omitted(from.omitted);
  to.set_one_sided(from.one_sided);
  for (const auto& stream : from.streams) to_wire(stream, *to.add_streams());
  to_wire(from.host_delay, *to.mutable_host_delay());
  to_wire(from.arrival_gap, *to.mutable_arrival_gap());
}

paceline::TcpInterval from_wire(const TcpInterval& from) {
  paceline::TcpInterval to;
  to.index = from.index();
  require_span(from.start(), from.end());
  to.start = nanoseconds{from.start()};
  to.end = nanoseconds{from.end()};
  to.last = from.last();
  to.omitted = from.omitted();
  to.one_sided = from.one_sided();
  require(from.streams_size() <= kMaxStreams, "interval of more streams than a flow can have");
  to.streams.reserve(static_cast<std::size_t>(from.streams_size()));
  for (const auto& stream : from.streams()) to.streams.push_back(from_wire(stream));
  to.host_delay = from_wire(from.host_delay());
  to.arrival_gap = from_wire(from.arrival_gap());
  return to;
}

void to_wire(const paceline::TcpFlowResult& from, TcpFlowResult& to) {
  to.set_flow_id(from.flow_id);
  to_wire(from.spec, *to.mutable_spec());
  to_wire(from.path, *to.mutable_path());
  to.set_complete(from.complete);
  to.set_incomplete_reason(from.incomplete_reason);
  to.set_congestion(from.congestion);
  for (const auto& stream : from.streams) to_wire(stream, *to.add_streams());
  to.set_written(from.written);
  to.set_received(from.received);
  to.set_omitted_bytes(from.omitted_bytes);
  to.set_first_arrival(from.first_arrival.count());
  to.set_last_arrival(from.last_arrival.count());
  to_wire(from.goodput, *to.mutable_goodput());
  to_wire(from.host_delay, *to.mutable_host_delay());
  to_wire(from.arrival_gap, *to.mutable_arrival_gap());
  to_wire(from.wire, *to.mutable_wire());
  to.set_intervals(from.intervals);
  to_wire(from.stamping, *to.mutable_stamping());
  to_wire(from.clock, *to.mutable_clock());
  to_wire(from.sender_cpu, *to.mutable_sender_cpu());
  to_wire(from.receiver_cpu, *to.mutable_receiver_cpu());
}

paceline::TcpFlowResult from_wire(const TcpFlowResult& from) {
  paceline::TcpFlowResult to;
  to.flow_id = from.flow_id();
  to.spec = from_wire(from.spec());
  to.path = from_wire(from.path());
  to.complete = from.complete();
  to.incomplete_reason = text(from.incomplete_reason());
  to.congestion = text(from.congestion());
  require(from.streams_size() <= kMaxStreams, "result of more streams than a flow can have");
  to.streams.reserve(static_cast<std::size_t>(from.streams_size()));
  for (const auto& stream : from.streams()) to.streams.push_back(from_wire(stream));
  to.written = from.written();
  to.received = from.received();
  to.omitted_bytes = from.omitted_bytes();
  to.first_arrival = nanoseconds{from.first_arrival()};
  to.last_arrival = nanoseconds{from.last_arrival()};
  to.goodput = from_wire(from.goodput());
  to.host_delay = from_wire(from.host_delay());
  to.arrival_gap = from_wire(from.arrival_gap());
  to.wire = from_wire(from.wire());
  to.intervals = from.intervals();
  to.stamping = from_wire(from.stamping());
  to.clock = from_wire(from.clock());
  to.sender_cpu = from_wire(from.sender_cpu());
  to.receiver_cpu = from_wire(from.receiver_cpu());
  return to;
}

}  // namespace paceline::wire
