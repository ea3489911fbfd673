// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "paceline/campaign.h"
#include "sender/flows_file.h"

namespace paceline::sender {

/// Whether the file is a campaign's, and not only flows: it has a table [campaign], [axes] or [hooks].
bool is_campaign(std::string_view toml, std::string_view name);

/// A campaign from its file (TOML; sender/README.md has its keys). Throws UsageError as read_flows_file() does, for any
/// of its scenarios.
CampaignSpec parse_campaign(std::string_view toml, std::string_view name, const Instead& instead = {});

}  // namespace paceline::sender
