// SPDX-License-Identifier: MIT
#include <cmath>

#include "paceline/model.h"
#include "sender/common_settings.h"
#include "sender/settings.h"

namespace paceline::sender {

namespace {

using Packets = PacketFlowSpec;

constexpr std::uint32_t kMaxSegment = Packets::kMaxSize;
constexpr std::uint32_t kMaxOverhead = 65535;

Model constant(double value) { return {.family = model::Constant{value}}; }

// The flow's model; a flow that had none sends as before, but from a model.
TrafficModel& model(Packets& flow) {
  if (!flow.model) {
    if (flow.rate_pps == 0)
      throw UsageError("a flow as fast as can be has no times to model: give a rate or an inter-departure time, too");
    flow.model.emplace();
    flow.model->idt = constant(1 / flow.rate_pps);
    flow.model->size = constant(flow.size);
    flow.size = 0;  // nothing but the model limits it
  }
  return *flow.model;
}

TraceSpec& trace(Packets& flow) {
  if (!flow.trace) throw UsageError("there is no trace that it could change: name its file, too");
  return *flow.trace;
}

void set_pace(Packets& flow, double rate_pps) {
  if (!flow.model) {
    flow.rate_pps = rate_pps;
  } else if (rate_pps > 0) {
    flow.model->idt = constant(1 / rate_pps);
  } else {
    throw UsageError("a flow with a model is never as fast as can be: its rate must be above 0");
  }
}

bool is_number(const std::string& text) {
  return !text.empty() && (std::isdigit(static_cast<unsigned char>(text[0])) != 0 || text[0] == '-');
}

void set_size(Packets& flow, const std::string& text) {
  if (!is_number(text)) {
    model(flow).size = parse_model(text, Quantity::bytes);
  } else if (flow.model) {
    flow.model->size = constant(static_cast<double>(units::parse_bytes(text)));
  } else {
    flow.size = parse_packet_size(text);
  }
}

void set_bitrate(Packets& flow, const std::string& text) {
  const double bitrate = units::parse_bitrate(text);
  const auto size = flow.model ? mean(flow.model->size) : std::optional<double>(flow.size);
  if (!size || !(*size > 0)) throw UsageError("the sizes have no mean: give a rate instead of a bitrate");
  set_pace(flow, bitrate / (8 * *size));
}

Bursts& bursts(Packets& flow) {
  TrafficModel& traffic = model(flow);
  if (!traffic.bursts) traffic.bursts = Bursts{.on = constant(0), .off = constant(0)};
  return *traffic.bursts;
}

void set_trace(Packets& flow, const std::string& file) {
  flow.trace = flow.trace.value_or(TraceSpec{});
  flow.trace->file = file;
  flow.model.reset();
  flow.rate_pps = 0;  // both are the trace's
  flow.size = 0;
}

void set_transport(Packets& flow, const std::string& text) {
  flow.transport = one_of<Transport>(
      {{"udp", Transport::udp}, {"tcp", Transport::tcp}, {"sctp", Transport::sctp}, {"icmp", Transport::icmp}})(text);
  if (flow.transport == Transport::icmp) flow.meter = Meter::round_trip;
}

void set_payload(Packets& flow, const std::string& text) {
  flow.payload = text == "zeros" ? Payload::zeros : text == "random" ? Payload::random : Payload::file;
  flow.payload_file = flow.payload == Payload::file ? text : "";
}

std::vector<Setting<Packets>> traffic_settings() {
  return {
      {"protocol", "udp|tcp|sctp|icmp", "Traffic",
       "What carries the packets; tcp and sctp: a record each, over one\nconnection; icmp: echo requests that the far "
       "kernel answers",
       "udp", set_transport},
      {"rate", "PPS", "Traffic", "Packets per second of each flow: 500, 1k, 2.5k", "1k",
       [](Packets& flow, const std::string& text) { set_pace(flow, units::parse_packet_rate(text)); }},
      {"idt", "MODEL", "Traffic",
       "Time from a packet to the next, random: exponential:mean=1ms\n(paceline-send models lists them); exponential "
       "alone has the mean that\n--rate says",
       "", [](Packets& flow, const std::string& text) { model(flow).idt = parse_model(text, Quantity::time); }},
      {"size", "BYTES|MODEL", "Traffic",
       "Payload in bytes, 18 (the header) to 65507, or random:\nnormal:mean=512,stddev=64", "512", set_size},
      {"bitrate", "BPS", "Traffic", "Bits of payload per second, instead of the packets': 2M, 1.5G", "", set_bitrate},
      {"segment", "BYTES", "Traffic",
       "Sizes are of messages (video frames, files), cut into packets of so\nmany bytes, due all at once", "not cut",
       [](Packets& flow, const std::string& text) {
         model(flow).segment = units::parse_count(text, "segment", kMaxSegment);
       }},
      {"overhead", "BYTES", "Traffic", "Added to each packet's size: 12 for RTP's header, say", "0",
       [](Packets& flow, const std::string& text) {
         model(flow).overhead = units::parse_count(text, "overhead", kMaxOverhead);
       }},
      {"jitter", "MODEL", "Traffic", "Added to the time at which each message is due", "none",
       [](Packets& flow, const std::string& text) { model(flow).jitter = parse_model(text, Quantity::time); }},
      {"on", "MODEL", "Traffic", "Length of the periods in which packets are sent; with --off", "always",
       [](Packets& flow, const std::string& text) { bursts(flow).on = parse_model(text, Quantity::time); }},
      {"off", "MODEL", "Traffic", "Length of the silences between them", "none",
       [](Packets& flow, const std::string& text) { bursts(flow).off = parse_model(text, Quantity::time); }},
      {"trace", "FILE", "Traffic",
       "Sizes and gaps as they were seen: a pcap or pcapng file, or CSV\n(gap in seconds, payload in bytes)", "none",
       set_trace},
      {"trace-speed", "FACTOR", "Traffic", "Replay it so many times as fast: 2, 0.5, 150%", "1",
       [](Packets& flow, const std::string& text) { trace(flow).speed = parse_factor(text, "trace speed"); }},
      {"trace-scale", "FACTOR", "Traffic", "Multiply its payloads' sizes", "1",
       [](Packets& flow, const std::string& text) { trace(flow).size_factor = parse_factor(text, "trace scale"); }},
      {"trace-repeat", "", "Traffic", "From its start again until the flow ends", "",
       [](Packets& flow, const std::string& text) { trace(flow).repeat = parse_switch(text); }},
      {"seed", "N", "Traffic",
       "Of all that is random: the same seed gives the same packets; further\nflows count up from it",
       "chosen, and told", into(&Packets::seed, parse_seed)},
  };
}

std::vector<Setting<Packets>> end_settings() {
  return {
      {"packets", "N", "Times", "End after so many packets of the measured part: 10k", "by the duration",
       into(&Packets::packets, [](const std::string& text) { return parse_many(text, "packets"); })},
      {"bytes", "BYTES", "Times", "End when so many bytes of it were sent: 10M", "by the duration",
       into(&Packets::bytes, units::parse_bytes)},
  };
}

std::vector<Setting<Packets>> sending_settings() {
  return {
      {"meter", "one-way|round-trip", "Measurement",
       "one-way: at the receiver. round-trip: each packet comes back in its\nfull size, too", "one-way",
       into(&Packets::meter, one_of<Meter>({{"one-way", Meter::one_way}, {"round-trip", Meter::round_trip}}))},
      {"pacing", "sleep|hybrid|busy", "Sending",
       "How to wait for a packet's time: sleep (cheap), hybrid (sleep,\nthen spin the rest), busy (spin, costs a core)",
       "hybrid",
       into(&Packets::pacing,
            one_of<Pacing>({{"sleep", Pacing::sleep}, {"hybrid", Pacing::hybrid}, {"busy", Pacing::busy}}))},
      {"late", "send|skip", "Sending",
       "Packets that are a whole gap late: send them all the same, or\nskip and count them", "send",
       into(&Packets::late, one_of<LatePolicy>({{"send", LatePolicy::send}, {"skip", LatePolicy::skip}}))},
      {"batching", "single|several|offload", "Sending",
       "Packets per call to the kernel: single, several (sendmmsg), offload\n(UDP_SEGMENT: many travel as one, and "
       "wait for each other)",
       "single",
       into(&Packets::batching,
            one_of<Batching>(
                {{"single", Batching::single}, {"several", Batching::several}, {"offload", Batching::offload}}))},
      {"batch", "N", "Sending", "So many packets a call at most, up to 128", "as fits",
       into(&Packets::batch, count_of("batch", Packets::kMaxBatch))},
      {"payload", "zeros|random|FILE", "Sending", "The bytes behind the packet header; a file's, again and again",
       "zeros", set_payload},
      {"nagle", "", "Sending", "TCP, SCTP: let the kernel gather small records (Nagle's algorithm)", "",
       [](Packets& flow, const std::string& text) { flow.no_delay = !parse_switch(text); }},
      {"sctp-streams", "N", "Sending", "SCTP streams, used by turns", "1",
       [](Packets& flow, const std::string& text) {
         flow.sctp_streams = static_cast<std::uint16_t>(units::parse_count(text, "SCTP streams", 65535));
       }},
      {"ecn", "0..3", "Socket", "ECN bits: 0 to 3, not-ect, ect0, ect1, ce", "0",
       into_socket<Packets>(&SocketSpec::ecn, parse_ecn)},
      {"fragments", "above-mtu|never|allowed", "Socket",
       "Whether packets may be cut up on their way: only those above the\npath's MTU, never, or allowed", "above-mtu",
       into_socket<Packets>(&SocketSpec::fragments, one_of<Fragments>({{"above-mtu", Fragments::above_mtu},
                                                                       {"never", Fragments::never},
                                                                       {"allowed", Fragments::allowed}}))},
  };
}

}  // namespace

const std::vector<Setting<PacketFlowSpec>>& packet_settings() {
  static const auto settings = joined<Packets>(
      traffic_settings(), {time_settings<Packets>(), end_settings(), sending_settings(), socket_settings<Packets>()});
  return settings;
}

}  // namespace paceline::sender
