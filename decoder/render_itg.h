// SPDX-License-Identifier: MIT
//
// The summary in ITGDec's layout, for scripts that parse it. What its words mean here: docs/migrating-from-ditg.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "paceline/result.h"

namespace paceline::decoder {

/// A recorded flow, and what ITGDec tells beyond a result.
struct ItgFlow {
  PacketFlowResult result;
  nanoseconds start{0};         ///< by the receiver's clock
  std::uint64_t loss_runs = 0;  ///< runs of lost packets, next to each other in sequence
};

/// All flows and their total. `errors`: what could not be read.
std::string render_itg(const std::vector<ItgFlow>& flows, std::uint64_t errors);

}  // namespace paceline::decoder
