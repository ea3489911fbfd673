// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paceline::traffic {

/// A word of a line, and where it stands.
struct Word {
  std::string_view text;
  std::size_t column = 1;

  std::string quoted() const { return std::string("'").append(text).append("'"); }
};

/// Reads a text file of the user's line by line. Errors are UsageErrors that begin FILE:LINE:COLUMN.
class TextLines {
 public:
  static constexpr std::size_t kLongestLine = 4096;

  /// Throws UsageError when the file can't be read.
  explicit TextLines(const std::string& path);

  /// The words of the next line that has any, between spaces, tabs, commas and semicolons; # begins a comment. Valid
  /// until the next call. nullopt at the file's end.
  std::optional<std::vector<Word>> next();

  [[noreturn]] void fail(const Word& word, const std::string& what) const;

 private:
  bool read_line();

  std::string path_;
  std::ifstream file_;
  std::string line_;
  std::uint64_t number_ = 0;
};

}  // namespace paceline::traffic
