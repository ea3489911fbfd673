// SPDX-License-Identifier: MIT
#pragma once

#include <ctime>
#include <string>

namespace paceline::sender {

/// Now, UTC, as RFC 3339 writes it.
inline std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace paceline::sender
