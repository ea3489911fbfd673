// SPDX-License-Identifier: MIT
#include "decoder/json.h"

#include <cmath>

#include "decoder/histogram_text.h"
#include "decoder/render_numbers.h"

namespace paceline::decoder {

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json to_json(const Distribution& values, Detail detail) {
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
  if (detail == Detail::histograms) json["histogram"] = histogram_text(values);
  return json;
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

Json to_json(const ClockResult& clock) {
  return {{"verdict", to_string(clock.verdict)},
          {"offset_ns", clock.offset.count()},
          {"error_bound_ns", clock.error_bound.count()},
          {"drift_ns", clock.drift.count()},
          {"exchanges_before", clock.exchanges_before},
          {"exchanges_after", clock.exchanges_after},
          {"min_round_trip_ns", clock.min_round_trip.count()}};
}

Json to_json(const CpuTime& cpu) {
  if (cpu.elapsed == nanoseconds{0}) return nullptr;
  return {{"user_ns", cpu.user.count()},
          {"system_ns", cpu.system.count()},
          {"elapsed_ns", cpu.elapsed.count()},
          {"stolen_ns", cpu.stolen.count()}};
}

Json to_json(const CpuTime& cpu, std::uint64_t bytes) {
  Json json = to_json(cpu);
  if (!json.is_null())
    json["seconds_per_gigabyte"] = bytes == 0 ? Json(nullptr) : Json(seconds_per_gigabyte(cpu, bytes));
  return json;
}

Json to_json(const SocketSpec& socket) {
  return {{"dscp", number_or_null(socket.dscp)},
          {"ecn", number_or_null(socket.ecn)},
          {"hop_limit", number_or_null(socket.hop_limit)},
          {"fragments", to_string(socket.fragments)},
          {"interface", text_or_null(socket.interface)},
          {"source", text_or_null(socket.source)},
          {"source_port", number_or_null(socket.source_port)}};
}

Json to_json(const std::vector<ObjectiveResult>& became_of) {
  Json objectives = Json::array();
  for (const ObjectiveResult& became : became_of) {
    objectives.push_back({{"objective", to_string(became.objective)},
                          {"limit", became.objective.limit},
                          {"value", became.measured ? Json(became.value) : Json(nullptr)},
                          {"met", became.met},
                          {"margin", became.measured && std::isfinite(became.margin) ? Json(became.margin) : nullptr},
                          {"reason", text_or_null(became.reason)}});
  }
  return objectives;
}

Json to_json(const SliceResult& slice) {
  return {{"name", slice.spec.name},
          {"flows", slice.spec.flows},
          {"met", slice.met()},
          {"objectives", to_json(slice.objectives)}};
}

Json to_json(const Host& host) {
  Json interfaces = Json::array();
  for (const Interface& interface : host.interfaces)
    interfaces.push_back({{"name", interface.name},
                          {"driver", text_or_null(interface.driver)},
                          {"mtu", interface.mtu},
                          {"qdisc", text_or_null(interface.qdisc)},
                          {"offloads", interface.offloads},
                          {"programs", interface.programs}});
  return {{"kernel", text_or_null(host.kernel)},
          {"cpu", text_or_null(host.cpu)},
          {"cpus", host.cpus},
          {"clocksource", text_or_null(host.clocksource)},
          {"interfaces", std::move(interfaces)}};
}

std::string dump(const Json& json, int indent) { return json.dump(indent, ' ', false, Json::error_handler_t::replace); }

}  // namespace paceline::decoder
