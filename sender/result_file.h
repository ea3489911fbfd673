// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include "paceline/error.h"

namespace paceline::sender {

/// A file for results, empty. Throws FileError that says why it cannot be made.
inline std::ofstream open_result_file(const std::string& file) {
  errno = 0;
  std::ofstream out(file, std::ios::trunc);
  if (!out) throw FileError("cannot write " + file + ": " + std::strerror(errno));
  return out;
}

}  // namespace paceline::sender
