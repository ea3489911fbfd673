// SPDX-License-Identifier: MIT
//
// How a comparison's numbers are written, by all of its renderers.
#pragma once

#include <string>

#include "paceline/compare.h"

namespace paceline::decoder {

/// With the unit that fits: "1.23 ms", "480.1 Mbit/s"; "-" when it is not known.
std::string measured_text(double value, const std::string& unit);
/// Three decimals; "-" when it is not known.
std::string ratio_text(double ratio);
/// "0.012", "<0.001".
std::string p_text(double p);
/// A cell's values, "services=1000, family=4".
std::string cell_text(const ComparedCell& cell);
/// "ebpf / iptables", or "" without sides.
std::string sides_text(const CompareSpec& spec);

}  // namespace paceline::decoder
