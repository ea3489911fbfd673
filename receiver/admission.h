// SPDX-License-Identifier: MIT
//
// What a receiver grants. Pure.
#pragma once

#include <string>

#include "paceline/flow.h"
#include "paceline/receiver.h"

namespace paceline::receiver {

/// Which limit a flow exceeds, by its name and figure; empty if none. A flow without a rate exceeds every limit of
/// rates.
std::string beyond_limits(const FlowSpec& spec, const ReceiverLimits& limits);

}  // namespace paceline::receiver
