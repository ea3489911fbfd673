// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "paceline/clock.h"

namespace paceline::sender {

/// As people say it: "450 ms", "12.3 s", "4 min 5 s", "73 h 20 min".
inline std::string duration_text(nanoseconds time) {
  using namespace std::chrono;
  if (time < seconds(1)) return fmt::format("{} ms", duration_cast<milliseconds>(time).count());
  if (time < minutes(1)) return fmt::format("{:.3g} s", duration<double>(time).count());
  const std::int64_t whole = round<seconds>(time).count();
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace paceline::sender
