// SPDX-License-Identifier: MIT
//
// A campaign's file. What is refused is refused with its place; what is taken makes sense in every scenario.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>

#include "paceline/campaign.h"
#include "paceline/error.h"
#include "sender/campaign_file.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/toml_text.h"

using namespace paceline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Each scenario reads the whole file: long ones with many axes would only slow the fuzzer.
  constexpr std::size_t kLongest = 1024;
  const std::string_view toml(reinterpret_cast<const char*>(data), size);
  if (size > kLongest || !is_fuzzable_toml(toml)) return 0;
  try {
    sender::is_campaign(toml, "file");
    CampaignSpec spec = sender::parse_campaign(toml, "file");
    EXPECT(!spec.cells.empty() && spec.cells.size() <= CampaignSpec::kMaxCells);
    std::set<Scenario> scenarios;
    for (const CampaignCell& cell : spec.cells) {
      EXPECT(cell.scenario.size() == spec.axes.size() && scenarios.insert(cell.scenario).second);
      EXPECT(!cell.run.flows.empty() && cell.run.flows.size() <= RunSpec::kMaxFlows);
    }
    EXPECT(spec.repetitions > 0 && spec.repetitions <= CampaignSpec::kMaxRepetitions);
    spec.repetitions = 2;
    EXPECT(steps_of(spec).size() == 2 * spec.cells.size());
  } catch (const UsageError& error) {
    EXPECT(std::string_view(error.what()).starts_with("file"));
  }
  return 0;
}
