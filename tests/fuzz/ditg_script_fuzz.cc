// SPDX-License-Identifier: MIT
//
// A D-ITG script, as a file brings it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "paceline/error.h"
#include "paceline/validate.h"
#include "sender/ditg_script.h"
#include "tests/fuzz/expect.h"

using namespace paceline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view script(reinterpret_cast<const char*>(data), size);
  if (script.find("-F") != std::string_view::npos) return 0;  // names files, whatever they are
  try {
    const sender::DitgRun run = sender::parse_ditg_script(script, "script");
    EXPECT(!run.run.flows.empty() && run.run.flows.size() <= RunSpec::kMaxFlows);
    for (const FlowSpec& flow : run.run.flows) validate(flow);
    for (const auto& [flow, target] : run.run.elsewhere) EXPECT(flow > 0 && flow < run.run.flows.size());
  } catch (const UsageError& error) {
    // A printable line that says where.
    const std::string_view what = error.what();
    EXPECT(what.starts_with("script:"));
    for (const char c : what) EXPECT(c >= ' ' && c <= '~');
  }
  return 0;
}
