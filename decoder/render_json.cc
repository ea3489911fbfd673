// SPDX-License-Identifier: MIT
//
// A run as JSON. Names, units and their order are promised to users; what was not measured is null.
#include <string>
#include <variant>

#include "decoder/json.h"
#include "paceline/decoder.h"

namespace paceline {

namespace decoder {

void add_members(Json& json, const RunResult& run, Detail detail) {
  json["version"] = run.version;
  json["title"] = text_or_null(run.title);
  json["started_at"] = text_or_null(run.started_at);
  json["complete"] = run.complete();
  json["environment"] = {{"sender", to_json(run.sender)}, {"receiver", to_json(run.receiver)}};
  json["flows"] = Json::array();
  for (const FlowResult& flow : run.flows)
    json["flows"].push_back(std::visit([&](const auto& kind) { return to_json(kind, detail); }, flow));
  if (!run.slices.empty()) {
    json["slices"] = Json::array();
    for (const SliceResult& slice : run.slices) json["slices"].push_back(to_json(slice));
  }
  if (!run.requirements.empty()) json["requirements"] = to_json(run.requirements);
}

}  // namespace decoder

std::string render_json(const RunResult& run) {
  decoder::Json json;
  decoder::add_members(json, run);
  return decoder::dump(json, 2);
}

std::string render_ndjson(const RunResult& run) {
  decoder::Json json{{"type", "summary"}};
  decoder::add_members(json, run);
  return decoder::dump(json, -1);
}

}  // namespace paceline
