// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "paceline/receiver.h"

namespace paceline::receiver {

/// Parses the command line of paceline-recv into `spec`; prints help, version and usage errors itself. Returns the exit
/// code to end with when there is nothing to serve.
std::optional<int> parse_options(int argc, char** argv, ReceiverSpec& spec);

}  // namespace paceline::receiver
