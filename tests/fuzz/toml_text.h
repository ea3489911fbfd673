// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace paceline {

/// Whether a TOML file of the fuzzer's is to be read: not with a '/', which may name any file of the machine.
inline bool is_fuzzable_toml(std::string_view toml) { return toml.find('/') == std::string_view::npos; }

}  // namespace paceline
