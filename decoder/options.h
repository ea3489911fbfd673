// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <variant>
#include <vector>

#include "paceline/clock.h"

namespace paceline::decoder {

enum class Format { text, json, ndjson, csv, itg };

/// What `paceline-decode replay` was asked to do.
struct ReplayOptions {
  std::vector<std::filesystem::path> files;
  Format format = Format::text;
  bool intervals = false;                       // rows in the text, too
  nanoseconds step{0};                          // length of rows; 0: as the flow's
  std::optional<std::filesystem::path> output;  // else standard output
};

/// The command line, or the exit code with which the program shall end at once (help and errors are printed).
std::variant<ReplayOptions, int> parse_options(int argc, char** argv);

}  // namespace paceline::decoder
