// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "paceline/sender.h"
#include "proto/toml.h"
#include "sender/flows_table.h"

namespace paceline::sender {

/// What takes the place of the table's own settings, and where it stands.
struct Replacements {
  Entries run;
  Entries flows;  ///< of each flow whose kind has them
};

/// The run of a flows file that has been parsed already. Otherwise as read_flows_file().
RunSpec read_flows(toml::table root, std::string_view name, const Replacements& instead);

}  // namespace paceline::sender
