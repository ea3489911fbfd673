// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "paceline/sender.h"
#include "sender/setting.h"

namespace paceline::sender {

/// Settings that take the place of the file's: the command line's.
struct Instead {
  Given run;
  Given flows;  ///< of each flow whose kind has them
};

/// A run from a flows file (TOML; sender/README.md has its keys). Files that it names are sought from its own folder
/// on, and read once to see that they make sense. Throws UsageError, with file, line and column, for what is not known
/// (with what was probably meant), of another type, or out of range.
RunSpec read_flows_file(const std::filesystem::path& file, const Instead& instead = {});
RunSpec parse_flows(std::string_view toml, std::string_view name, const Instead& instead = {});

/// A file of flows, or of a campaign, as it is. Throws UsageError.
std::string read_toml(const std::filesystem::path& file);

}  // namespace paceline::sender
