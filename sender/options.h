// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "paceline/remote.h"
#include "paceline/sender.h"

namespace paceline::sender {

enum class Format { text, json, ndjson };

/// A sender elsewhere, and the key that it is to be proven.
struct RemoteSender {
  Endpoint at;
  Key key;
};

/// What the command line of paceline-send asks for.
struct Options {
  RunSpec run;
  Format format = Format::text;
  std::string output;                  // file; empty: standard output
  bool require_objectives = false;     // a slice that misses one has an exit code of its own
  std::optional<RemoteSender> remote;  // the run is to be run there
  std::optional<RemoteSpec> serve;     // instead of a run: wait for others' runs
};

/// Parses the command line; prints help, version, lists and usage errors itself. Returns the exit code to end with when
/// there is nothing to run.
std::optional<int> parse_options(int argc, char** argv, Options& options);

}  // namespace paceline::sender
