// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "paceline/sender.h"
#include "sender/ditg_words.h"

namespace paceline::sender {

/// What a line of a D-ITG script asks for.
struct DitgFlow {
  PacketFlowSpec spec;
  Endpoint receiver{"127.0.0.1", 9000};
  bool passive = false;  ///< -H: the receiver dials in
};

/// Takes the line's words to its end. Throws UsageError for an option that ITGSend does not have, or that has no
/// meaning here.
DitgFlow ditg_flow(DitgWords& words, DitgNotes& notes);

}  // namespace paceline::sender
