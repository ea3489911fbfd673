// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

#include "paceline/compare.h"

namespace paceline::decoder {

/// Puts published ratios beside a comparison's own. The file is CSV: a head of the comparison's `by` axes, `metric`,
/// `figure` and `ratio`, in any order, then a line a ratio; lines that begin with # are comments. Ratios of other cells
/// and metrics are told in a warning. Throws FileError with the line.
void add_reference(const std::filesystem::path& file, Comparison& comparison);

}  // namespace paceline::decoder
