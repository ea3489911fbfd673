// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "decoder/run_metric.h"
#include "paceline/runs.h"

namespace paceline::decoder {

/// What a comparison needs of one run.
struct RunRow {
  std::vector<std::string> values;  ///< of the axes, in the order of RunsFile::axes; empty: it has no such axis
  std::uint64_t repetition = 0;
  std::uint64_t attempt = 0;
  std::string started_at;
  Outcome outcome = Outcome::complete;
  std::string reason;
  std::vector<double> metrics;  ///< as asked, NaN where not measured; of complete runs
};

struct RunsFile {
  std::string name;                   ///< the campaign's
  std::vector<std::string> axes;      ///< in the campaign's order
  std::vector<RunRow> rows;           ///< in the file's order
  std::vector<std::string> warnings;  ///< damaged and torn lines, with their numbers
};

/// Reads a runs file on all cores. Damaged lines are told of and left out. Throws FileError when the file cannot be
/// read, is no runs file, or has a format of the future.
RunsFile read_runs(const std::filesystem::path& file, const std::vector<RunMetric>& metrics, std::string_view flow);

}  // namespace paceline::decoder
