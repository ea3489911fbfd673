// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>

namespace paceline {

/// A value that the caller gave makes no sense (a rate of 0, an address that does not parse).
class UsageError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// A measurement could not be set up: the message says what was tried and what to check. Nothing was measured.
class SetupError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file could not be read or written as asked.
class FileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace paceline
