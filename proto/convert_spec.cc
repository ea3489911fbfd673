// SPDX-License-Identifier: MIT
//
// What is asked of packet flows, and what all kinds of flow are asked alike.
#include "proto/convert_spec.h"

#include <string>

#include "paceline/model.h"
#include "proto/check.h"
#include "proto/convert.h"

namespace paceline::wire {

namespace {

constexpr std::size_t kLongestText = 4096;

LatePolicy to_wire(paceline::LatePolicy late) {
  return late == paceline::LatePolicy::send ? LATE_POLICY_SEND : LATE_POLICY_SKIP;
}

paceline::LatePolicy from_wire(LatePolicy late) {
  switch (late) {
    case LATE_POLICY_SEND: return paceline::LatePolicy::send;
    case LATE_POLICY_SKIP: return paceline::LatePolicy::skip;
    default: throw WireError("unknown policy for late packets");
  }
}

Fragments to_wire(paceline::Fragments fragments) {
  switch (fragments) {
    case paceline::Fragments::above_mtu: return FRAGMENTS_ABOVE_MTU;
    case paceline::Fragments::never: return FRAGMENTS_NEVER;
    case paceline::Fragments::allowed: return FRAGMENTS_ALLOWED;
  }
  return FRAGMENTS_ABOVE_MTU;
}

paceline::Fragments from_wire(Fragments fragments) {
  switch (fragments) {
    case FRAGMENTS_ABOVE_MTU: return paceline::Fragments::above_mtu;
    case FRAGMENTS_NEVER: return paceline::Fragments::never;
    case FRAGMENTS_ALLOWED: return paceline::Fragments::allowed;
    default: throw WireError("unknown choice of fragments");
  }
}

Payload to_wire(paceline::Payload payload) {
  switch (payload) {
    case paceline::Payload::zeros: return PAYLOAD_ZEROS;
    case paceline::Payload::random: return PAYLOAD_RANDOM;
    case paceline::Payload::file: return PAYLOAD_FILE;
  }
  return PAYLOAD_ZEROS;
}

paceline::Payload from_wire(Payload payload) {
  switch (payload) {
    case PAYLOAD_ZEROS: return paceline::Payload::zeros;
    case PAYLOAD_RANDOM: return paceline::Payload::random;
    case PAYLOAD_FILE: return paceline::Payload::file;
    default: throw WireError("unknown payload");
  }
}

Model model_of(const std::string& text, Quantity quantity) {
  try {
    return parse_model(text, quantity);
  } catch (const UsageError& error) {
    throw WireError(std::string("flow specification: ") + error.what());
  }
}

void to_wire(const paceline::TrafficModel& from, TrafficModel& to) {
  to.set_idt(to_string(from.idt, Quantity::time));
  to.set_size(to_string(from.size, Quantity::bytes));
  to.set_segment(from.segment);
  to.set_overhead(from.overhead);
  if (from.jitter) to.set_jitter(to_string(*from.jitter, Quantity::time));
  if (!from.bursts) return;
  to.mutable_bursts()->set_on(to_string(from.bursts->on, Quantity::time));
  to.mutable_bursts()->set_off(to_string(from.bursts->off, Quantity::time));
}

paceline::TrafficModel from_wire(const TrafficModel& from) {
  paceline::TrafficModel to;
  to.idt = model_of(from.idt(), Quantity::time);
  to.size = model_of(from.size(), Quantity::bytes);
  to.segment = from.segment();
  to.overhead = from.overhead();
  if (!from.jitter().empty()) to.jitter = model_of(from.jitter(), Quantity::time);
  if (from.has_bursts())
    to.bursts = {model_of(from.bursts().on(), Quantity::time), model_of(from.bursts().off(), Quantity::time)};
  return to;
}

void to_wire(const paceline::TraceSpec& from, TraceSpec& to) {
  to.set_file(from.file);
  to.set_speed(from.speed);
  to.set_size_factor(from.size_factor);
  to.set_repeat(from.repeat);
}

paceline::TraceSpec from_wire(const TraceSpec& from) {
  return {verbatim(from.file()), from.speed(), from.size_factor(), from.repeat()};
}

}  // namespace

Pacing to_wire(paceline::Pacing pacing) {
  switch (pacing) {
    case paceline::Pacing::sleep: return PACING_SLEEP;
    case paceline::Pacing::hybrid: return PACING_HYBRID;
    case paceline::Pacing::busy: return PACING_BUSY;
  }
  return PACING_UNSPECIFIED;
}

paceline::Pacing from_wire(Pacing pacing) {
  switch (pacing) {
    case PACING_SLEEP: return paceline::Pacing::sleep;
    case PACING_HYBRID: return paceline::Pacing::hybrid;
    case PACING_BUSY: return paceline::Pacing::busy;
    default: throw WireError("unknown pacing");
  }
}

Batching to_wire(paceline::Batching batching) {
  switch (batching) {
    case paceline::Batching::single: return BATCHING_SINGLE;
    case paceline::Batching::several: return BATCHING_SEVERAL;
    case paceline::Batching::offload: return BATCHING_OFFLOAD;
  }
  return BATCHING_SINGLE;
}

paceline::Batching from_wire(Batching batching) {
  switch (batching) {
    case BATCHING_SINGLE: return paceline::Batching::single;
    case BATCHING_SEVERAL: return paceline::Batching::several;
    case BATCHING_OFFLOAD: return paceline::Batching::offload;
    default: throw WireError("unknown batching");
  }
}

Transport to_wire(paceline::Transport transport) {
  switch (transport) {
    case paceline::Transport::udp: return TRANSPORT_UDP;
    case paceline::Transport::tcp: return TRANSPORT_TCP;
    case paceline::Transport::sctp: return TRANSPORT_SCTP;
    case paceline::Transport::icmp: return TRANSPORT_ICMP;
  }
  return TRANSPORT_UNSPECIFIED;
}

paceline::Transport from_wire(Transport transport) {
  switch (transport) {
    case TRANSPORT_UDP: return paceline::Transport::udp;
    case TRANSPORT_TCP: return paceline::Transport::tcp;
    case TRANSPORT_SCTP: return paceline::Transport::sctp;
    case TRANSPORT_ICMP: return paceline::Transport::icmp;
    default: throw WireError("unknown transport");
  }
}

Meter to_wire(paceline::Meter meter) { return meter == paceline::Meter::one_way ? METER_ONE_WAY : METER_ROUND_TRIP; }

paceline::Meter from_wire(Meter meter) {
  switch (meter) {
    case METER_ONE_WAY: return paceline::Meter::one_way;
    case METER_ROUND_TRIP: return paceline::Meter::round_trip;
    default: throw WireError("unknown meter");
  }
}

std::string verbatim(const std::string& from) {
  require(from.size() <= kLongestText, "name or path that is longer than any");
  return from;
}

void to_wire(const paceline::SocketSpec& from, SocketSpec& to) {
  to.set_dscp(from.dscp);
  to.set_ecn(from.ecn);
  to.set_hop_limit(from.hop_limit);
  to.set_fragments(to_wire(from.fragments));
  to.set_interface(from.interface);
  to.set_source(from.source);
  to.set_source_port(from.source_port);
}

paceline::SocketSpec from_wire(const SocketSpec& from) {
  require(from.dscp() <= 0xFF && from.ecn() <= 0xFF && from.hop_limit() <= 0xFF && from.source_port() <= 0xFFFF,
          "socket option out of range");
  paceline::SocketSpec to;
  to.dscp = static_cast<std::uint8_t>(from.dscp());
  to.ecn = static_cast<std::uint8_t>(from.ecn());
  to.hop_limit = static_cast<std::uint8_t>(from.hop_limit());
  to.fragments = from_wire(from.fragments());
  to.interface = verbatim(from.interface());
  to.source = verbatim(from.source());
  to.source_port = static_cast<std::uint16_t>(from.source_port());
  return to;
}

void to_wire(const paceline::PacketFlowSpec& from, PacketFlowSpec& to) {
  to.set_rate_pps(from.rate_pps);
  to.set_size(from.size);
  to.set_duration(from.duration.count());
  to.set_interval(from.interval.count());
  to.set_pacing(to_wire(from.pacing));
  to.set_late(to_wire(from.late));
  to.set_omit(from.omit.count());
  to.set_batching(to_wire(from.batching));
  to.set_batch(from.batch);
  to.set_name(from.name);
  to.set_transport(to_wire(from.transport));
  to.set_meter(to_wire(from.meter));
  if (from.model) to_wire(*from.model, *to.mutable_model());
  if (from.trace) to_wire(*from.trace, *to.mutable_trace());
  to.set_seed(from.seed);
  to.set_delay(from.delay.count());
  to.set_packets(from.packets);
  to.set_bytes(from.bytes);
  to_wire(from.socket, *to.mutable_socket());
  to.set_payload(to_wire(from.payload));
  to.set_payload_file(from.payload_file);
  to.set_nagle(!from.no_delay);
  to.set_sctp_streams(from.sctp_streams);
}

paceline::PacketFlowSpec from_wire(const PacketFlowSpec& from) {
  paceline::PacketFlowSpec to;
  to.rate_pps = from.rate_pps();
  to.size = from.size();
  to.duration = nanoseconds{from.duration()};
  to.interval = nanoseconds{from.interval()};
  to.pacing = from_wire(from.pacing());
  to.late = from_wire(from.late());
  to.omit = nanoseconds{from.omit()};
  to.batching = from_wire(from.batching());
  to.batch = from.batch();
  to.name = verbatim(from.name());
  if (from.transport() != TRANSPORT_UNSPECIFIED) to.transport = from_wire(from.transport());
  to.meter = from_wire(from.meter());
  if (from.has_model()) to.model = from_wire(from.model());
  if (from.has_trace()) to.trace = from_wire(from.trace());
  to.seed = from.seed();
  to.delay = nanoseconds{from.delay()};
  to.packets = from.packets();
  to.bytes = from.bytes();
  to.socket = from_wire(from.socket());
  to.payload = from_wire(from.payload());
  to.payload_file = verbatim(from.payload_file());
  to.no_delay = !from.nagle();
  require(from.sctp_streams() <= 0xFFFF, "more SCTP streams than there can be");
  if (from.sctp_streams() > 0) to.sctp_streams = static_cast<std::uint16_t>(from.sctp_streams());
  require_valid(to);
  return to;
}

}  // namespace paceline::wire
