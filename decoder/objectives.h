// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "paceline/result.h"
#include "paceline/slice.h"

namespace paceline::decoder {

/// What became of each slice's objectives. A value at the limit meets it. A margin has no finite value where the limit
/// is 0 and missed: it is -infinity then.
///
/// The flows of a slice are taken together: their delays as one distribution, their loss as lost of all expected, their
/// throughput from the first one's start to the last packet or byte that arrived, the flows' own start delays heeded.
/// Of |ipdv| the mean and the smallest are known to three significant digits, of all else as of a flow's.
std::vector<SliceResult> judge(const std::vector<SliceSpec>& slices, const std::vector<FlowResult>& flows);

/// The same of all the flows together.
std::vector<ObjectiveResult> judge(const std::vector<Objective>& requirements, const std::vector<FlowResult>& flows);

}  // namespace paceline::decoder
