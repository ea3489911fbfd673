// SPDX-License-Identifier: MIT
//
// Pre-shared keys: who may use a receiver, or make a sender run.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paceline {

struct Key {
  std::string name{};  ///< by which both ends know it: 1 to kMaxName letters, digits, '.', '_', '-'; sent in the clear
  std::string secret{};  ///< bytes, kMinSecret to kMaxSecret of them; never sent

  static constexpr std::size_t kMaxName = 64;
  static constexpr std::size_t kMinSecret = 16;
  static constexpr std::size_t kMaxSecret = 1024;
  static constexpr std::size_t kMaxKeys = 1024;  ///< in a file

  bool operator==(const Key&) const = default;
};

/// A file of keys that a program which runs for long reads again, within seconds, when it changes: keys are rotated so.
struct KeyFile {
  std::filesystem::path file{};
  std::string name{};  ///< only its key of this name; empty: all
};

/// The keys of a file, in its order. A line each, `NAME SECRET`: the secret in hexadecimal if all of it can be read so,
/// else in base64. Empty lines and those that begin with '#' are left out. Throws FileError when the file cannot be
/// read, or when others than its owner and group may read it; UsageError, with the line, when it makes no sense. No
/// error tells of a secret.
std::vector<Key> read_key_file(const std::filesystem::path& file);

/// What a file's text holds; `file` is for the errors.
std::vector<Key> parse_keys(std::string_view text, std::string_view file);

/// The key of that name; the first one without a name. Throws UsageError.
Key choose_key(const std::vector<Key>& keys, std::string_view name);

/// Those that are meant. Throws as read_key_file() and choose_key() do.
std::vector<Key> read_keys(const KeyFile& file);

}  // namespace paceline
