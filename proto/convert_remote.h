// SPDX-License-Identifier: MIT
//
// A run's specification on the wire, for a sender that runs it somewhere else. convert.h has its result.
#pragma once

#include "paceline/sender.h"
#include "proto/remote.pb.h"

namespace paceline::wire {

/// All of it but the key's secret.
void to_wire(const paceline::RunSpec& from, RunSpec& to);

/// In the range of its types and limits, each flow as validate() asks; the rest is run()'s to refuse. A key has its
/// name alone. Throws WireError.
paceline::RunSpec from_wire(const RunSpec& from);

}  // namespace paceline::wire
