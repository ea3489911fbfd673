// SPDX-License-Identifier: MIT
#pragma once

#include <stop_token>

#include "sender/options.h"

namespace paceline::sender {

/// Makes, or only lists, the runs of Options::campaign, and says on standard error what it cannot do; the exit code.
int run_campaign_command(const Options& options, const std::stop_token& stop);

}  // namespace paceline::sender
