// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <string>
#include <utility>

#include "decoder/text.h"
#include "paceline/distribution.h"

namespace paceline::decoder {

/// One line of CSV (RFC 4180) as it grows, without its end.
class CsvCells {
 public:
  /// A number, or a word that needs no quotes.
  template <class Value>
  void add(const Value& value) {
    begin_cell();
    fmt::format_to(std::back_inserter(line_), "{}", value);
  }
  /// Of nothing there is no figure.
  template <class Value>
  void add(const Distribution& of, const Value& value) {
    if (of.count > 0)
      add(value);
    else
      blanks(1);
  }
  void decimals(double value) { add(fmt::format("{:.3f}", value)); }
  void decimals(const Distribution& of, double value) { add(of, fmt::format("{:.3f}", value)); }
  /// Whatever was said; control characters, line ends among them, become question marks.
  void text(const std::string& said) {
    begin_cell();
    const std::string safe = text::shown(said);
    if (safe.find_first_of(",\"") == std::string::npos) {
      line_ += safe;
      return;
    }
    line_ += '"';
    for (const char c : safe) line_.append(c == '"' ? 2 : 1, c);
    line_ += '"';
  }
  void blanks(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) begin_cell();
  }
  /// The line, with empty cells up to `columns`.
  std::string take(std::size_t columns) {
    if (count_ < columns) blanks(columns - count_);
    return std::move(line_);
  }

 private:
  void begin_cell() {
    if (count_++ > 0) line_ += ',';
  }

  std::string line_;
  std::size_t count_ = 0;
};

}  // namespace paceline::decoder
