// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "paceline/sender.h"

namespace paceline::sender {

enum class Format { text, json, ndjson };

/// What the command line of paceline-send asks for.
struct Options {
  RunSpec run;
  Format format = Format::text;
  std::string output;  // file; empty: standard output
};

/// Parses the command line; prints help, version and usage errors itself. Returns the exit code to end with when there
/// is nothing to run.
std::optional<int> parse_options(int argc, char** argv, Options& options);

}  // namespace paceline::sender
