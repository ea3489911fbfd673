// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "paceline/sender.h"

namespace paceline::sender {

/// Whether the run as a whole makes sense, its flows and slices included. Throws UsageError.
void validate_run(const RunSpec& spec);

/// Sockets that the flow sends from.
std::uint32_t sockets_of(const FlowSpec& flow);
std::uint32_t sockets_of(const RunSpec& spec);

/// Flows whose packets a receiver can record.
std::size_t records_of(const RunSpec& spec);

}  // namespace paceline::sender
