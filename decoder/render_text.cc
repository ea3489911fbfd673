// SPDX-License-Identifier: MIT
//
// A run as text for people: what matters first.
#include <string>
#include <variant>
#include <vector>

#include "decoder/text.h"
#include "decoder/udp_sum.h"
#include "paceline/decoder.h"

namespace paceline {

std::string render_text(const RunResult& run, const TextOptions& options) {
  std::vector<std::string> parts;
  if (!run.title.empty()) parts.push_back(decoder::text::shown(run.title) + '\n');
  std::vector<decoder::text::NumberedFlow> udp;
  for (std::size_t i = 0; i < run.flows.size(); ++i) {
    if (const auto* flow = std::get_if<UdpFlowResult>(&run.flows[i])) udp.push_back({i + 1, flow});
  }
  const bool summed = udp.size() > decoder::kMostFlowsShown;
  if (summed) parts.push_back(decoder::text::render(udp, options));
  for (std::size_t i = 0; i < run.flows.size(); ++i) {
    if (summed && std::holds_alternative<UdpFlowResult>(run.flows[i])) continue;
    const std::string name = fmt::format("Flow {}", i + 1);
    parts.push_back(
        std::visit([&](const auto& flow) { return decoder::text::render(name, flow, options); }, run.flows[i]));
  }
  return fmt::format("{}", fmt::join(parts, "\n"));
}

std::string render_text_header(const FlowSpec& spec) {
  return std::visit([](const auto& kind) { return decoder::text::header(kind); }, spec);
}

}  // namespace paceline
