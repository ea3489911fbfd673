// SPDX-License-Identifier: MIT
//
// A run as text for people: what matters first.
#include <algorithm>
#include <cmath>
#include <string>
#include <variant>
#include <vector>

#include "decoder/packet_sum.h"
#include "decoder/text.h"
#include "paceline/decoder.h"

namespace paceline {

namespace {

std::string value(Metric metric, double value) {
  switch (metric) {
    case Metric::loss:
    case Metric::failures: return fmt::format("{:.4g} %", 100 * value);
    case Metric::retransmits: return fmt::format("{:.0f}", value);
    case Metric::throughput: return decoder::text::bitrate(value);
    default: return decoder::text::time(value);
  }
}

// Met or missed, what was measured, and by how much of the limit.
std::string judgement(const std::string& of, const std::vector<ObjectiveResult>& objectives,
                      const TextOptions& options) {
  decoder::text::Lines lines(options);
  const bool met = std::ranges::all_of(objectives, &ObjectiveResult::met);
  lines.line("{}: {}", of, met ? "met" : lines.coloured("31", "missed"));
  for (const ObjectiveResult& became : objectives) {
    const std::string asked = to_string(became.objective);
    if (!became.measured) {
      lines.line("  {:<28} not measured: {}", asked, decoder::text::shown(became.reason));
    } else if (std::isfinite(became.margin)) {
      lines.line("  {:<28} {:>12}  {} by {:.1f} %", asked, value(became.objective.metric, became.value),
                 became.met ? "met" : "missed", 100 * std::abs(became.margin));
    } else {
      lines.line("  {:<28} {:>12}  {}", asked, value(became.objective.metric, became.value),
                 became.met ? "met" : "missed");
    }
  }
  return lines.take();
}

}  // namespace

std::string render_text(const RunResult& run, const TextOptions& options) {
  std::vector<std::string> parts;
  if (!run.title.empty()) parts.push_back(decoder::text::shown(run.title) + '\n');
  std::vector<decoder::text::NumberedFlow> udp;
  for (std::size_t i = 0; i < run.flows.size(); ++i) {
    if (const auto* flow = std::get_if<PacketFlowResult>(&run.flows[i])) udp.push_back({i + 1, flow});
  }
  const bool summed = udp.size() > decoder::kMostFlowsShown;
  if (summed) parts.push_back(decoder::text::render(udp, options));
  for (std::size_t i = 0; i < run.flows.size(); ++i) {
    if (summed && std::holds_alternative<PacketFlowResult>(run.flows[i])) continue;
    const std::string name = fmt::format("Flow {}", i + 1);
    parts.push_back(
        std::visit([&](const auto& flow) { return decoder::text::render(name, flow, options); }, run.flows[i]));
  }
  for (const SliceResult& slice : run.slices)
    parts.push_back(judgement("Slice " + decoder::text::shown(slice.spec.name), slice.objectives, options));
  if (!run.requirements.empty()) parts.push_back(judgement("Required", run.requirements, options));
  return fmt::format("{}", fmt::join(parts, "\n"));
}

std::string render_text_header(const FlowSpec& spec) {
  return std::visit([](const auto& kind) { return decoder::text::header(kind); }, spec);
}

}  // namespace paceline
