// SPDX-License-Identifier: MIT
#pragma once

#include "decoder/record_reader.h"
#include "paceline/decoder.h"

namespace paceline::decoder {

/// paceline::replay() of a file that is open already, to its end.
Replay replay(RecordReader& reader, const IntervalHandler& on_interval = {});

}  // namespace paceline::decoder
