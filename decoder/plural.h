// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace paceline::decoder {

/// "1 packet", "2 packets".
inline std::string plural(std::uint64_t count, const char* what) {
  return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

}  // namespace paceline::decoder
