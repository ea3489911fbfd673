// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "paceline/receiver.h"
#include "receiver/log.h"

namespace paceline::receiver {

/// What paceline-recv was asked to do.
struct Options {
  ReceiverSpec spec{};
  std::optional<std::uint16_t> http_port{};  ///< probes and metrics; 0: any free port; nothing: none
  LogFormat log_format = LogFormat::text;
  LogLevel log_level = LogLevel::info;
  std::vector<std::string> notes{};  ///< odd, but no error; to be logged
};

/// Takes options from the command line, from the environment where it does not say, and from the file of --config where
/// neither does. Prints help, version and usage errors itself. Returns the exit code to end with when there is nothing
/// to serve.
std::optional<int> parse_options(int argc, char** argv, Options& options);

}  // namespace paceline::receiver
