// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string_view>

namespace paceline {

/// Whether a TOML file of the fuzzer's is to be read. Not with a '/', which may name any file of the machine; nor with
/// letters beyond ASCII: toml++ 3.3 marks a path as unreachable (is_non_ascii_horizontal_whitespace) that one such
/// letter outside of texts and comments takes, and nothing behind it can be found while every input stops there.
inline bool is_fuzzable_toml(std::string_view toml) {
  return std::ranges::all_of(toml, [](unsigned char c) { return c != '/' && c < 0x80; });
}

}  // namespace paceline
