// SPDX-License-Identifier: MIT
//
// The result model as JSON. Names, units and their order are promised to users; what was not measured is
// null.
#include <nlohmann/json.hpp>
#include <string>

#include "paceline/decoder.h"

namespace paceline {

namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json to_json(const Distribution& values) {
  Json json{{"count", values.count}, {"min", nullptr}, {"mean", nullptr}, {"stddev", nullptr}, {"p50", nullptr},
            {"p90", nullptr},        {"p99", nullptr}, {"p999", nullptr}, {"max", nullptr}};
  if (values.count == 0) return json;
  json["min"] = values.min;
  json["mean"] = values.mean();
  json["stddev"] = values.stddev();
  json["p50"] = values.quantile(0.5);
  json["p90"] = values.quantile(0.9);
  json["p99"] = values.quantile(0.99);
  json["p999"] = values.quantile(0.999);
  json["max"] = values.max;
  return json;
}

double rate_bps(std::uint64_t packets, std::uint64_t bytes, nanoseconds span) {
  if (packets == 0) return 0;
  return rate_pps(packets, span) * 8 * static_cast<double>(bytes) / static_cast<double>(packets);
}

Json to_json(const FlowSpec& spec, std::uint32_t id) {
  return {{"id", id},
          {"protocol", "udp"},
          {"rate_pps", spec.rate_pps},
          {"size_bytes", spec.size},
          {"duration_ns", spec.duration.count()},
          {"interval_ns", spec.interval.count()},
          {"pacing", to_string(spec.pacing)},
          {"late", to_string(spec.late)}};
}

Json to_json(const PathResult& path) {
  Json candidates = Json::array();
  for (const auto& candidate : path.candidates) {
    candidates.push_back({{"address", candidate.address},
                          {"source", candidate.source},
                          {"attempts", candidate.attempts},
                          {"outcome", candidate.outcome}});
  }
  return {{"dialled", text_or_null(path.dialled)},
          {"arrived_at", text_or_null(path.arrived_at)},
          {"seen_from", text_or_null(path.seen_from)},
          {"sent_from", text_or_null(path.sent_from)},
          {"source_translated", path.source_translated},
          {"destination_translated", path.destination_translated},
          {"attempts", path.attempts},
          {"first_packet_ns", path.first_packet.count()},
          {"candidates", candidates}};
}

Json to_json(const Sent& sent, const FlowSpec& spec) {
  return {{"packets", sent.packets},
          {"bytes", sent.bytes},
          {"asked_pps", spec.rate_pps},
          {"asked_bps", spec.rate_pps * 8 * spec.size},
          {"rate_pps", rate_pps(sent.packets, sent.span)},
          {"rate_bps", rate_bps(sent.packets, sent.bytes, sent.span)},
          {"span_ns", sent.span.count()},
          {"missed_slots", sent.missed_slots},
          {"send_retries", sent.send_retries},
          {"send_errors", sent.send_errors},
          {"pacing", to_string(sent.pacing)},
          {"lateness_ns", to_json(sent.lateness)}};
}

Json to_json(const Received& received, nanoseconds first, nanoseconds last) {
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

Json to_json(const ClockResult& clock) {
  return {{"verdict", to_string(clock.verdict)},
          {"offset_ns", clock.offset.count()},
          {"error_bound_ns", clock.error_bound.count()},
          {"drift_ns", clock.drift.count()},
          {"exchanges_before", clock.exchanges_before},
          {"exchanges_after", clock.exchanges_after},
          {"min_round_trip_ns", clock.min_round_trip.count()}};
}

Json to_json(const FlowResult& flow) {
  Json received = to_json(flow.received, flow.first_arrival, flow.last_arrival);
  received["duplicate_window_packets"] = flow.duplicate_window;
  received["socket_flows"] = flow.socket_flows;
  return {{"flow", to_json(flow.spec, flow.flow_id)},
          {"path", to_json(flow.path)},
          {"complete", flow.complete},
          {"incomplete_reason", text_or_null(flow.incomplete_reason)},
          {"sent", to_json(flow.sent, flow.spec)},
          {"received", received},
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
          {"intervals", flow.intervals}};
}

Json to_json(const Host& host) {
  return {{"kernel", text_or_null(host.kernel)},
          {"cpu", text_or_null(host.cpu)},
          {"cpus", host.cpus},
          {"clocksource", text_or_null(host.clocksource)}};
}

void add_members(Json& json, const RunResult& run) {
  json["version"] = run.version;
  json["started_at"] = text_or_null(run.started_at);
  json["complete"] = run.complete();
  json["environment"] = {{"sender", to_json(run.sender)}, {"receiver", to_json(run.receiver)}};
  json["flows"] = Json::array();
  for (const FlowResult& flow : run.flows) json["flows"].push_back(to_json(flow));
}

// Strings may come from a peer: what is no UTF-8 is replaced.
std::string dump(const Json& json, int indent) { return json.dump(indent, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string render_json(const RunResult& run) {
  Json json;
  add_members(json, run);
  return dump(json, 2);
}

std::string render_ndjson(std::size_t flow, const Interval& interval) {
  Json corrections = Json::array();
  for (const auto& correction : interval.corrections)
    corrections.push_back({{"interval", correction.interval}, {"lost", correction.lost}});
  Json json{{"type", "interval"},
            {"flow", flow},
            {"index", interval.index},
            {"start_ns", interval.start.count()},
            {"end_ns", interval.end.count()},
            {"last", interval.last},
            {"received", to_json(interval.received, interval.first_arrival, interval.last_arrival)},
            {"corrections", corrections},
            {"segments", segments(interval.statistics)},
            {"jitter_ns", to_json(interval.statistics.jitter)},
            {"smoothed_jitter_ns", interval.smoothed_jitter.count()},
            {"ipdv_ns", to_json(interval.statistics.ipdv)}};
  json["received"]["stamped"] = interval.received.stamped;
  json["received"]["missed"] = interval.received.missed;
  return dump(json, -1);
}

std::string render_ndjson(const RunResult& run) {
  Json json{{"type", "summary"}};
  add_members(json, run);
  return dump(json, -1);
}

}  // namespace paceline
