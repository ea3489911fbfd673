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

Json flow_asked(const UdpFlowSpec& spec, std::uint32_t id) {
  return {{"id", id},
          {"kind", "udp"},
          {"protocol", "udp"},
          {"rate_pps", spec.rate_pps},
          {"size_bytes", spec.size},
          {"duration_ns", spec.duration.count()},
          {"omit_ns", spec.omit.count()},
          {"interval_ns", spec.interval.count()},
          {"pacing", to_string(spec.pacing)},
          {"late", to_string(spec.late)},
          {"batching", to_string(spec.batching)},
          {"batch", number_or_null(spec.batch)}};
}

Json sent_by(const Sent& sent, const UdpFlowSpec& spec) {
  return {{"packets", sent.packets},
          {"bytes", sent.bytes},
          {"asked_pps", number_or_null(spec.rate_pps)},
          {"asked_bps", number_or_null(spec.rate_pps * 8 * spec.size)},
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
          {"lateness_ns", to_json(sent.lateness)}};
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

Json arrivals(const UdpFlowResult& flow) {
  const Arrivals& arrivals = flow.arrivals;
  const double packets = static_cast<double>(flow.received.packets);
  return {
      {"skbs", number_or_null(arrivals.skbs)},
      {"datagrams_per_skb", arrivals.skbs == 0 ? Json(nullptr) : Json(packets / static_cast<double>(arrivals.skbs))},
      {"at_hook", number_or_null(arrivals.at_hook)},
      {"coalesced", arrivals.coalesced}};
}

Json segments(const Statistics& statistics) {
  Json list = Json::array();
  for (std::size_t i = 0; i < kSegmentCount; ++i) {
    list.push_back({{"from", to_string(kSegments[i].from)},
                    {"to", to_string(kSegments[i].to)},
                    {"delay_ns", to_json(statistics.segments[i])},
                    {"negative", statistics.segments[i].negative()}});
  }
  return list;
}

}  // namespace

Json to_json(const UdpFlowResult& flow) {
  Json received = received_by(flow.received, flow.first_arrival, flow.last_arrival);
  received["duplicate_window_packets"] = flow.duplicate_window;
  received["socket_flows"] = flow.socket_flows;
  return {{"flow", flow_asked(flow.spec, flow.flow_id)},
          {"path", to_json(flow.path)},
          {"complete", flow.complete},
          {"incomplete_reason", text_or_null(flow.incomplete_reason)},
          {"offloaded", offloaded(flow)},
          {"sent", sent_by(flow.sent, flow.spec)},
          {"received", received},
          {"arrivals", arrivals(flow)},
          {"segments", segments(flow.statistics)},
          {"jitter_ns", to_json(flow.statistics.jitter)},
          {"smoothed_jitter_ns", flow.smoothed_jitter.count()},
          {"ipdv_ns", to_json(flow.statistics.ipdv)},
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

}  // namespace decoder

std::string render_ndjson(std::size_t flow, const UdpInterval& interval) {
  using decoder::Json, decoder::to_json;
  Json corrections = Json::array();
  for (const auto& correction : interval.corrections)
    corrections.push_back({{"interval", correction.interval}, {"lost", correction.lost}});
  Json json{{"type", "interval"},
            {"flow", flow},
            {"kind", "udp"},
            {"index", interval.index},
            {"start_ns", interval.start.count()},
            {"end_ns", interval.end.count()},
            {"last", interval.last},
            {"omitted", interval.omitted},
            {"received", decoder::received_by(interval.received, interval.first_arrival, interval.last_arrival)},
            {"corrections", corrections},
            {"segments", decoder::segments(interval.statistics)},
            {"jitter_ns", to_json(interval.statistics.jitter)},
            {"smoothed_jitter_ns", interval.smoothed_jitter.count()},
            {"ipdv_ns", to_json(interval.statistics.ipdv)}};
  json["received"]["stamped"] = interval.received.stamped;
  json["received"]["missed"] = interval.received.missed;
  return decoder::dump(json, -1);
}

}  // namespace paceline
