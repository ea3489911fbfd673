// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace paceline::receiver {

/// What the kernel says of this process, proc(5).
struct ProcessFigures {
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_descriptors = 0;
  std::uint64_t most_descriptors = 0;
  std::uint64_t threads = 0;
  double cpu_seconds = 0;    ///< user and system
  double start_seconds = 0;  ///< Unix time
};

/// What cannot be read stays 0.
ProcessFigures read_process_figures();

}  // namespace paceline::receiver
