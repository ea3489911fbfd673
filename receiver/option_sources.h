// SPDX-License-Identifier: MIT
//
// Where options come from beside the command line. What it gave stays as it is.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

namespace paceline::receiver {

/// PACELINE_DATA_PORT for --data-port, and so on; lists are separated by commas, an empty variable is none. Returns
/// what looks odd there. Throws UsageError that names the variable.
std::vector<std::string> take_from_environment(CLI::App& app);

/// A TOML file of `data_port = 8999`, and so on. Throws UsageError that names file, line and key; FileError when it
/// cannot be read.
void take_from_file(CLI::App& app, const std::filesystem::path& path);

}  // namespace paceline::receiver
