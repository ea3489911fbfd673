// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paceline::sender {

struct DitgWord {
  std::string text;
  std::size_t column = 1;
};

/// A line's words, taken from left to right. Errors begin FILE:LINE:COLUMN.
class DitgWords {
 public:
  DitgWords(std::string_view line, std::string_view file, std::size_t number);

  bool more() const { return at_ < words_.size(); }
  DitgWord next() { return words_[at_++]; }
  std::size_t line() const { return number_; }

  /// Whether a value comes next: what an option may have or not.
  bool value_follows() const;
  /// What an option needs; refuses the option when the line ends, or its next option begins.
  DitgWord value(const DitgWord& option);
  double number(const DitgWord& option);
  double above_zero(const DitgWord& option);
  std::uint32_t count(const DitgWord& option, std::uint32_t least, std::uint32_t most);

  [[noreturn]] void fail(const DitgWord& word, const std::string& what) const;
  /// As fail(), at the line's beginning.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  std::string file_;
  std::size_t number_;
  std::vector<DitgWord> words_;
  std::size_t at_ = 0;
};

/// Notes on what options mean here, each once with the lines that it is about.
class DitgNotes {
 public:
  void add(std::size_t line, const std::string& text);
  /// "script: lines 1, 3: -rp: ..."
  std::vector<std::string> take(std::string_view file) const;

 private:
  std::vector<std::pair<std::string, std::set<std::size_t>>> notes_;  // in the order of their first lines
};

}  // namespace paceline::sender
