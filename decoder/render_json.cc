// SPDX-License-Identifier: MIT
//
// A run as JSON. Names, units and their order are promised to users; what was not measured is null.
#include <string>
#include <variant>

#include "decoder/json.h"
#include "paceline/decoder.h"

namespace paceline {

namespace {

using decoder::Json;

void add_members(Json& json, const RunResult& run) {
  json["version"] = run.version;
  json["title"] = decoder::text_or_null(run.title);
  json["started_at"] = decoder::text_or_null(run.started_at);
  json["complete"] = run.complete();
  json["environment"] = {{"sender", decoder::to_json(run.sender)}, {"receiver", decoder::to_json(run.receiver)}};
  json["flows"] = Json::array();
  for (const FlowResult& flow : run.flows)
    json["flows"].push_back(std::visit([](const auto& kind) { return decoder::to_json(kind); }, flow));
  if (run.slices.empty()) return;
  json["slices"] = Json::array();
  for (const SliceResult& slice : run.slices) json["slices"].push_back(decoder::to_json(slice));
}

}  // namespace

std::string render_json(const RunResult& run) {
  Json json;
  add_members(json, run);
  return decoder::dump(json, 2);
}

std::string render_ndjson(const RunResult& run) {
  Json json{{"type", "summary"}};
  add_members(json, run);
  return decoder::dump(json, -1);
}

}  // namespace paceline
