// SPDX-License-Identifier: MIT
//
// What `compare` and `report` ask of a comparison alike.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "paceline/compare.h"

namespace CLI {
class App;
}

namespace paceline::decoder {

/// As it was written.
struct CompareOptions {
  std::vector<std::filesystem::path> files;
  std::string axis, baseline, candidate;
  std::vector<std::string> by;
  std::vector<std::string> metrics;
  std::vector<std::string> where;
  std::string flow;
  double confidence = 0.95;
  std::uint32_t resamples = 2000;
  std::uint64_t seed = 1;
  std::filesystem::path reference;
};

/// Adds all of it to a command; files may be missing.
void add_compare_options(CLI::App& command, CompareOptions& options);

/// Throws UsageError for what does not go together, or is missing.
std::pair<std::vector<std::filesystem::path>, CompareSpec> settle(const CompareOptions& options);

}  // namespace paceline::decoder
