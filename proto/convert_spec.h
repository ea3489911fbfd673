// SPDX-License-Identifier: MIT
//
// The parts of a flow's specification on the wire that several conversions share.
#pragma once

#include <string>

#include "paceline/flow.h"
#include "proto/results.pb.h"

namespace paceline::wire {

Pacing to_wire(paceline::Pacing pacing);
paceline::Pacing from_wire(Pacing pacing);

Batching to_wire(paceline::Batching batching);
paceline::Batching from_wire(Batching batching);

Transport to_wire(paceline::Transport transport);
paceline::Transport from_wire(Transport transport);

Meter to_wire(paceline::Meter meter);
paceline::Meter from_wire(Meter meter);

void to_wire(const paceline::SocketSpec& from, SocketSpec& to);
paceline::SocketSpec from_wire(const SocketSpec& from);  // in the range of its types; the rest is validate()'s

/// A name or a path, as it is: renderers make it harmless. Throws WireError when it is longer than any.
std::string verbatim(const std::string& from);

}  // namespace paceline::wire
