// SPDX-License-Identifier: MIT
//
// The lines of a runs file. README.md documents the members.
#include <charconv>
#include <string>

#include "decoder/json.h"
#include "paceline/runs.h"

namespace paceline {

namespace {

using decoder::Json;

// A number where the text is one as JSON writes it, so that readers need not guess.
Json value_of(const std::string& text) {
  const Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_number() && parsed.dump() == text ? parsed : Json(text);
}

Json values_of(const std::vector<std::string>& texts) {
  Json values = Json::array();
  for (const std::string& text : texts) values.push_back(value_of(text));
  return values;
}

}  // namespace

std::string render_runs_line(const CampaignHead& head) {
  Json axes = Json::object();
  for (const auto& [axis, values] : head.axes) axes[axis] = values_of(values);
  const Json json{{"type", "campaign"},
                  {"format", 1},
                  {"name", head.name},
                  {"version", head.version},
                  {"started_at", decoder::text_or_null(head.started_at)},
                  {"axes", axes},
                  {"repetitions", head.repetitions},
                  {"order", head.order},
                  {"seed", head.seed},
                  {"fingerprint", head.fingerprint}};
  return decoder::dump(json, -1);
}

std::string render_runs_line(const CampaignRun& run) {
  Json scenario = Json::object();
  for (const auto& [axis, value] : run.scenario) scenario[axis] = value_of(value);
  Json json{{"type", "run"},
            {"scenario", scenario},
            {"repetition", run.repetition},
            {"attempt", run.attempt},
            {"started_at", decoder::text_or_null(run.started_at)},
            {"elapsed_ns", run.elapsed.count()},
            {"outcome", to_string(run.outcome)},
            {"reason", decoder::text_or_null(run.reason)},
            {"run", nullptr}};
  if (run.result) {
    Json result = Json::object();
    decoder::add_members(result, *run.result, decoder::Detail::histograms);
    json["run"] = result;
  }
  return decoder::dump(json, -1);
}

}  // namespace paceline
