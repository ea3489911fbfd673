// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "paceline/clock.h"

namespace paceline::sender {

/// Names and values.
using Environment = std::vector<std::pair<std::string, std::string>>;

struct CommandEnd {
  std::string failure;  ///< "ended with exit code 3"; empty: none
  std::string output;   ///< the last kMost bytes of what it wrote to standard output and standard error

  static constexpr std::size_t kMost = 8 * 1024;
};

/// Runs a program, found by PATH, to its end, in a process group of its own, with these added to this process's
/// environment and nothing to read. Beyond the limit, or when it is asked to stop, the whole group is ended: SIGTERM,
/// SIGKILL two seconds later. What it leaves running otherwise goes on. It does not outlive the calling thread.
CommandEnd run_command(const std::vector<std::string>& command, const Environment& environment,
                       const std::filesystem::path& folder, nanoseconds limit, const std::stop_token& stop);

}  // namespace paceline::sender
