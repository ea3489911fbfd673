// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/sender.h"

namespace paceline::sender {

/// A run from a D-ITG script (`ITGSend script_file`: a flow per line, in ITGSend's options).
struct DitgRun {
  RunSpec run;
  std::vector<std::string> notes;  ///< options that are taken but mean something else here, with their lines
};

/// Throws UsageError, with file, line and column, for an option that D-ITG does not have, or that has no meaning here:
/// then with what to do instead.
DitgRun read_ditg_script(const std::filesystem::path& file);
DitgRun parse_ditg_script(std::string_view script, std::string_view name);

}  // namespace paceline::sender
