// SPDX-License-Identifier: MIT
//
// A file of flows and slices. What is refused is refused with its place; what is taken is in range.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "paceline/error.h"
#include "paceline/validate.h"
#include "sender/flows_file.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/toml_text.h"

using namespace paceline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view toml(reinterpret_cast<const char*>(data), size);
  if (!is_fuzzable_toml(toml)) return 0;
  try {
    const RunSpec run = sender::parse_flows(toml, "file");
    EXPECT(!run.flows.empty() && run.flows.size() <= RunSpec::kMaxFlows);
    EXPECT(run.title.size() <= RunSpec::kMaxTitle);
    for (const FlowSpec& flow : run.flows) validate(flow);
    for (const auto& [flow, target] : run.elsewhere) EXPECT(flow < run.flows.size());
    for (const SliceSpec& slice : run.slices) {
      for (const std::size_t flow : slice.flows) EXPECT(flow < run.flows.size());
      for (const Objective& objective : slice.objectives) EXPECT(parse_objective(to_string(objective)) == objective);
    }
  } catch (const UsageError& error) {
    EXPECT(std::string_view(error.what()).starts_with("file"));
  }
  return 0;
}
