// SPDX-License-Identifier: MIT
//
// Texts of settings into values: what several tables of settings share. Each parser throws UsageError.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>

#include "paceline/error.h"
#include "paceline/units.h"

namespace paceline::sender {

/// A parser for one of a few words; - and _ are the same in them.
template <class Value>
auto one_of(std::map<std::string, Value> choices) {
  return [choices = std::move(choices)](std::string text) {
    std::ranges::replace(text, '_', '-');
    const auto found = choices.find(text);
    if (found != choices.end()) return found->second;
    std::string allowed;
    for (const auto& [name, value] : choices) allowed += (allowed.empty() ? "" : ", ") + name;
    throw UsageError("'" + text + "' is none of " + allowed);
  };
}

/// A parser for whole numbers.
auto inline count_of(const std::string& what, std::uint32_t most) {
  return [what, most](const std::string& text) { return units::parse_count(text, what, most); };
}

/// A switch: true or false.
bool parse_switch(const std::string& text);
/// A whole number of anything, as 10k or 2M too.
std::uint64_t parse_many(const std::string& text, const std::string& what);
/// Decimal or 0x...; 0 lets the run choose.
std::uint64_t parse_seed(const std::string& text);
/// The payload of a packet.
std::uint32_t parse_packet_size(const std::string& text);
/// 0 to 63, or a name: EF, AF41, CS5, VA, LE, default.
std::uint8_t parse_dscp(const std::string& text);
/// 0 to 3, or a name: not-ect, ect1, ect0, ce.
std::uint8_t parse_ecn(const std::string& text);
/// A factor above 0.
double parse_factor(const std::string& text, const std::string& what);

}  // namespace paceline::sender
