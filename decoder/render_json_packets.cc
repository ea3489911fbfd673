// SPDX-License-Identifier: MIT
//
// UDP flows as JSON.
#include <string>

#include "decoder/json.h"
#include "decoder/render_numbers.h"
#include "paceline/decoder.h"

namespace paceline {

namespace decoder {

namespace {

Json model_asked(const std::optional<TrafficModel>& model) {
  if (!model) return nullptr;
  const auto time = [](const Model& quantity) { return to_string(quantity, Quantity::time); };
  return {{"idt", time(model->idt)},
          {"size", to_string(model->size, Quantity::bytes)},
          {"segment_bytes", number_or_null(model->segment)},
          {"overhead_bytes", number_or_null(model->overhead)},
          {"jitter", model->jitter ? Json(time(*model->jitter)) : Json(nullptr)},
          {"on", model->bursts ? Json(time(model->bursts->on)) : Json(nullptr)},
          {"off", model->bursts ? Json(time(model->bursts->off)) : Json(nullptr)}};
}

Json trace_asked(const std::optional<TraceSpec>& trace) {
  if (!trace) return nullptr;
  return {{"file", trace->file}, {"speed", trace->speed}, {"scale", trace->size_factor}, {"repeat", trace->repeat}};
}

Json payload_asked(const PacketFlowSpec& spec) {
  return spec.payload == Payload::file ? Json{{"file", spec.payload_file}} : Json(to_string(spec.payload));
}

Json flow_asked(const PacketFlowSpec& spec, std::uint32_t id) {
  const bool records = spec.transport == Transport::tcp || spec.transport == Transport::sctp;
  return {{"id", id},
          {"name", text_or_null(spec.name)},
          {"kind", spec.transport == Transport::udp ? "udp" : "packets"},
          {"protocol", to_string(spec.transport)},
          {"meter", to_string(spec.meter)},
          {"rate_pps", spec.rate_pps},
          {"size_bytes", spec.size},
          {"duration_ns", spec.duration.count()},
          {"omit_ns", spec.omit.count()},
          {"interval_ns", spec.interval.count()},
          {"pacing", to_string(spec.pacing)},
          {"late", to_string(spec.late)},
          {"batching", to_string(spec.batching)},
          {"batch", number_or_null(spec.batch)},
          {"model", model_asked(spec.model)},
          {"trace", trace_asked(spec.trace)},
          {"seed", number_or_null(spec.seed)},
          {"delay_ns", spec.delay.count()},
          {"packets", number_or_null(spec.packets)},
          {"bytes", number_or_null(spec.bytes)},
          {"socket", to_json(spec.socket)},
          {"payload", payload_asked(spec)},
          {"no_delay", records ? Json(spec.no_delay) : Json(nullptr)},
          {"sctp_streams", spec.transport == Transport::sctp ? Json(spec.sctp_streams) : Json(nullptr)}};
}

Json drawn_by(const std::optional<Drawn>& drawn) {
  if (!drawn) return nullptr;
  return {{"gaps", drawn->gaps},   {"gaps_redrawn", drawn->gaps_redrawn},   {"mean_gap_ns", drawn->mean_gap * 1e9},
          {"sizes", drawn->sizes}, {"sizes_redrawn", drawn->sizes_redrawn}, {"mean_size_bytes", drawn->mean_size}};
}

Json sent_by(const Sent& sent, const PacketFlowSpec& spec, Detail detail) {
  return {{"packets", sent.packets},
          {"bytes", sent.bytes},
          {"asked_pps", number_or_null(spec.rate_pps)},
          {"asked_bps", spec.model || spec.trace ? Json(nullptr) : number_or_null(spec.rate_pps * 8 * spec.size)},
          {"rate_due_pps", number_or_null(rate_pps(sent.packets, sent.due_span))},
          {"rate_pps", rate_pps(sent.packets, sent.span)},
          {"rate_bps", rate_bps(sent.packets, sent.bytes, sent.span)},
          {"span_ns", sent.span.count()},
          {"omitted", sent.omitted},
          {"sends", number_or_null(sent.sends)},
          {"batching", to_string(sent.batching)},
          {"batch", sent.batch},
          {"missed_slots", sent.missed_slots},
          {"send_retries", sent.send_retries},
          {"send_errors", sent.send_errors},
          {"pacing", to_string(sent.pacing)},
          {"lateness_ns", to_json(sent.lateness, detail)},
          {"drawn", drawn_by(sent.drawn)}};
}

Json received_by(const Received& received, nanoseconds first, nanoseconds last) {
  Json json{{"packets", received.packets},
            {"bytes", received.bytes},
            {"rate_pps", rate_pps(received.packets, last - first)},
            {"rate_bps", rate_bps(received.packets, received.bytes, last - first)},
            {"lost", received.lost},
            {"duplicated", received.duplicated},
            {"reordered", received.reordered},
            {"lost_in_socket", received.lost_in_socket},
            {"unbound", received.unbound},
            {"invalid", received.invalid},
            {"beyond_window", received.beyond_window},
            {"first_arrival_ns", nullptr},
            {"last_arrival_ns", nullptr}};
  if (received.packets > 0) {
    json["first_arrival_ns"] = first.count();
    json["last_arrival_ns"] = last.count();
  }
  return json;
}

Json arrivals(const PacketFlowResult& flow) {
  const Arrivals& arrivals = flow.arrivals;
  const double packets = static_cast<double>(flow.received.packets);
  return {
      {"skbs", number_or_null(arrivals.skbs)},
      {"datagrams_per_skb", arrivals.skbs == 0 ? Json(nullptr) : Json(packets / static_cast<double>(arrivals.skbs))},
      {"at_hook", number_or_null(arrivals.at_hook)},
      {"coalesced", arrivals.coalesced}};
}

Json segments(const Statistics& statistics, Detail detail = Detail::figures) {
  Json list = Json::array();
  for (std::size_t i = 0; i < kSegmentCount; ++i) {
    list.push_back({{"from", to_string(kSegments[i].from)},
                    {"to", to_string(kSegments[i].to)},
                    {"delay_ns", to_json(statistics.segments[i], detail)},
                    {"negative", statistics.segments[i].negative()}});
  }
  return list;
}

Json round_trip(const PacketFlowResult& flow, Detail detail) {
  if (!flow.round_trip) return nullptr;
  const RoundTrip& back = *flow.round_trip;
  return {{"received", received_by(back.received, back.first_arrival, back.last_arrival)},
          {"echoes_unsent", flow.echoes_unsent},
          {"segments", segments(back.statistics, detail)},
          {"jitter_ns", to_json(back.statistics.jitter, detail)},
          {"smoothed_jitter_ns", back.smoothed_jitter.count()},
          {"ipdv_ns", to_json(back.statistics.ipdv, detail)},
          {"stamping",
           {{"hook", to_string(back.hook)}, {"stamped", back.received.stamped}, {"missed", back.received.missed}}},
          {"intervals", back.intervals}};
}

}  // namespace

Json to_json(const PacketFlowResult& flow, Detail detail) {
  Json received = received_by(flow.received, flow.first_arrival, flow.last_arrival);
  received["duplicate_window_packets"] = flow.duplicate_window;
  received["socket_flows"] = flow.socket_flows;
  return {{"flow", flow_asked(flow.spec, flow.flow_id)},
          {"path", to_json(flow.path)},
          {"complete", flow.complete},
          {"incomplete_reason", text_or_null(flow.incomplete_reason)},
          {"offloaded", offloaded(flow)},
          {"sent", sent_by(flow.sent, flow.spec, detail)},
          {"received", received},
          {"arrivals", arrivals(flow)},
          {"segments", segments(flow.statistics, detail)},
          {"jitter_ns", to_json(flow.statistics.jitter, detail)},
          {"smoothed_jitter_ns", flow.smoothed_jitter.count()},
          {"ipdv_ns", to_json(flow.statistics.ipdv, detail)},
          {"round_trip", round_trip(flow, detail)},
          {"stamping",
           {{"rx.tc",
             {{"hook", to_string(flow.stamping.hook)},
              {"stamped", flow.received.stamped},
              {"missed", flow.received.missed},
              {"interface", text_or_null(flow.stamping.interface)},
              {"reason", text_or_null(flow.stamping.reason)}}}}},
          {"clock", to_json(flow.clock)},
          {"cpu",
           {{"sender", to_json(flow.sender_cpu, flow.sent.bytes)},
            {"receiver", to_json(flow.receiver_cpu, flow.received.bytes)}}},
          {"intervals", flow.intervals}};
}

Json to_json(std::size_t flow, const PacketInterval& interval) {
  Json corrections = Json::array();
  for (const auto& correction : interval.corrections)
    corrections.push_back({{"interval", correction.interval}, {"lost", correction.lost}});
  Json json{{"type", "interval"},
            {"flow", flow},
            {"kind", "udp"},
            {"meter", to_string(interval.meter)},
            {"index", interval.index},
            {"start_ns", interval.start.count()},
            {"end_ns", interval.end.count()},
            {"last", interval.last},
            {"omitted", interval.omitted},
            {"received", received_by(interval.received, interval.first_arrival, interval.last_arrival)},
            {"corrections", corrections},
            {"segments", segments(interval.statistics)},
            {"jitter_ns", to_json(interval.statistics.jitter)},
            {"smoothed_jitter_ns", interval.smoothed_jitter.count()},
            {"ipdv_ns", to_json(interval.statistics.ipdv)}};
  json["received"]["stamped"] = interval.received.stamped;
  json["received"]["missed"] = interval.received.missed;
  return json;
}

}  // namespace decoder

std::string render_ndjson(std::size_t flow, const PacketInterval& interval) {
  return decoder::dump(decoder::to_json(flow, interval), -1);
}

}  // namespace paceline
