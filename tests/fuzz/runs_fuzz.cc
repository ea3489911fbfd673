// SPDX-License-Identifier: MIT
//
// A campaign's runs file, damaged in any way: as a comparison reads it, and as a campaign that goes on with it does.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "decoder/run_metric.h"
#include "decoder/runs_reader.h"
#include "paceline/error.h"
#include "sender/runs_file.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/memory_file.h"

namespace {

using namespace paceline;

const std::vector<decoder::RunMetric>& metrics() {
  static const std::vector<decoder::RunMetric> all{
      decoder::RunMetric::parse("throughput"), decoder::RunMetric::parse("p99"), decoder::RunMetric::parse("loss"),
      decoder::RunMetric::parse("rx.tc-rx.user stddev"), decoder::RunMetric::parse("cpu receiver")};
  return all;
}

/// The campaign of the corpus.
const CampaignSpec& campaign() {
  static const CampaignSpec spec = [] {
    CampaignSpec made;
    made.name = "campaign";
    made.axes = {{"size", {"64", "512"}}};
    made.cells = {{{{"size", "64"}}, {}}, {{{"size", "512"}}, {}}};
    made.fingerprint = "axes:1 settings:2 hooks:3";
    return made;
  }();
  return spec;
}

void compare(const std::string& path) {
  try {
    for (const decoder::RunRow& row : decoder::read_runs(path, metrics(), "").rows)
      EXPECT(row.metrics.size() == (row.outcome == Outcome::complete ? metrics().size() : 0));
  } catch (const FileError&) {
  }
}

void resume(const std::string& path, std::size_t size) {
  CampaignSpec spec = campaign();
  spec.output = path;
  try {
    const sender::RunsRead read = sender::read_runs_so_far(spec);
    EXPECT(read.end <= size);
    for (const auto& [run, so_far] : read.runs) EXPECT(run.first < spec.cells.size());
  } catch (const FileError&) {
  } catch (const UsageError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static MemoryFile file;
  const std::string& path = file.with({data, size});
  compare(path);
  resume(path, size);
  return 0;
}
