// SPDX-License-Identifier: MIT
//
// A distribution's buckets as text, for runs files: base64 (RFC 4648) of LEB128 varints, for each bucket in ascending
// order its index less the one before (zigzag-coded; the first less 0) and its count.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/distribution.h"

namespace paceline::decoder {

std::string histogram_text(const Distribution& values);
/// nullopt unless it is such a text: whole, with buckets that ascend and counts above 0.
std::optional<std::vector<Distribution::Bucket>> parse_histogram(std::string_view text);

}  // namespace paceline::decoder
