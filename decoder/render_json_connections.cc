// SPDX-License-Identifier: MIT
//
// Connection flows as JSON.
#include <string>

#include "decoder/json.h"
#include "decoder/render_numbers.h"
#include "paceline/decoder.h"

namespace paceline {

namespace decoder {

namespace {

Json flow_asked(const ConnectionFlowSpec& spec, std::uint32_t id) {
  return {{"id", id},
          {"name", text_or_null(spec.name)},
          {"kind", "connections"},
          {"protocol", to_string(spec.transport)},
          {"rate_cps", spec.rate},
          {"concurrency", number_or_null(spec.concurrency)},
          {"timeout_ns", spec.timeout.count()},
          {"duration_ns", spec.duration.count()},
          {"omit_ns", spec.omit.count()},
          {"interval_ns", spec.interval.count()},
          {"delay_ns", spec.delay.count()},
          {"socket", to_json(spec.socket)}};
}

Json counts(const Exchanges& exchanges) {
  Json failed{{"total", exchanges.failures()}};
  for (std::size_t i = 0; i < kConnectionFailures; ++i)
    failed[std::string(to_string(static_cast<ConnectionFailure>(i)))] = exchanges.failed[i];
  return {{"started", exchanges.started},
          {"completed", exchanges.completed},
          {"failed", failed},
          {"missed_slots", exchanges.missed_slots}};
}

void add_times(Json& json, const Exchanges& exchanges, Detail detail = Detail::figures) {
  json["connect_ns"] = to_json(exchanges.connect, detail);
  json["first_packet_ns"] = to_json(exchanges.first_packet, detail);
  json["whole_ns"] = to_json(exchanges.whole, detail);
  json["lateness_ns"] = to_json(exchanges.lateness, detail);
}

}  // namespace

Json to_json(const ConnectionFlowResult& flow, Detail detail) {
  Json exchanges = counts(flow.exchanges);
  exchanges["answered"] = flow.answered;
  exchanges["asked_cps"] = number_or_null(flow.spec.rate);
  exchanges["rate_cps"] = rate_cps(flow);
  exchanges["span_ns"] = flow.span.count();
  exchanges["concurrency"] = number_or_null(flow.concurrency);
  Json json{{"flow", flow_asked(flow.spec, flow.flow_id)},
            {"path", to_json(flow.path)},
            {"complete", flow.complete},
            {"incomplete_reason", text_or_null(flow.incomplete_reason)},
            {"exchanges", exchanges}};
  add_times(json, flow.exchanges, detail);
  json["cpu"] = {{"sender", to_json(flow.sender_cpu)}, {"receiver", to_json(flow.receiver_cpu)}};
  json["intervals"] = flow.intervals;
  return json;
}

Json to_json(std::size_t flow, const ConnectionInterval& interval) {
  Json json{{"type", "interval"},
            {"flow", flow},
            {"kind", "connections"},
            {"index", interval.index},
            {"start_ns", interval.start.count()},
            {"end_ns", interval.end.count()},
            {"last", interval.last},
            {"omitted", interval.omitted},
            {"exchanges", counts(interval.exchanges)}};
  add_times(json, interval.exchanges);
  return json;
}

}  // namespace decoder

std::string render_ndjson(std::size_t flow, const ConnectionInterval& interval) {
  return decoder::dump(decoder::to_json(flow, interval), -1);
}

}  // namespace paceline
