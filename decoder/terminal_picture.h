// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "decoder/live_view.h"

namespace paceline::decoder {

/// Whether standard output is a terminal that can redraw.
bool can_redraw();
/// Whether it is one that may be written to in colour (no-color.org).
bool wants_colour();

/// A picture on the terminal of standard output, redrawn in place. The cursor stays visible and below it, so there is
/// nothing to restore whatever ends the program.
class TerminalPicture {
 public:
  explicit TerminalPicture(bool colour);

  /// Whether the last one has been seen for long enough.
  bool due() const;
  /// The terminal as it is now; nothing has elapsed.
  Screen screen() const;
  void draw(const std::vector<std::string>& lines);
  /// Takes the picture away while something else is written.
  void erase();

 private:
  using Time = std::chrono::steady_clock::time_point;
  std::string erasure(std::size_t width) const;

  const bool colour_;
  const bool unicode_;
  std::optional<Time> drawn_;
  std::vector<std::size_t> widths_;  // of the picture's lines, in columns
};

}  // namespace paceline::decoder
