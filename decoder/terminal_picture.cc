// SPDX-License-Identifier: MIT
#include "decoder/terminal_picture.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace paceline::decoder {

namespace {

constexpr std::chrono::milliseconds kRedraw{200};  // at the earliest

bool writes_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale(value);
    return locale.find("UTF-8") != std::string_view::npos || locale.find("utf8") != std::string_view::npos;
  }
  return false;
}

// Columns that a line takes: escapes take none, and of UTF-8 the first byte alone counts.
std::size_t columns_of(const std::string& line) {
  std::size_t columns = 0;
  bool escape = false;
  for (const char c : line) {
    if (c == '\x1b') escape = true;
    if (!escape && (static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++columns;
    if (escape && c == 'm') escape = false;
  }
  return columns;
}

void write(const std::string& text) { std::cout << text << std::flush; }

}  // namespace

bool can_redraw() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && terminal != nullptr && *terminal != '\0' && std::string_view(terminal) != "dumb";
}

bool wants_colour() {
  const char* unwanted = std::getenv("NO_COLOR");  // when present and not empty
  return isatty(STDOUT_FILENO) != 0 && (unwanted == nullptr || *unwanted == '\0');
}

TerminalPicture::TerminalPicture(bool colour) : colour_(colour), unicode_(writes_utf8()) {}

bool TerminalPicture::due() const { return !drawn_ || std::chrono::steady_clock::now() - *drawn_ >= kRedraw; }

Screen TerminalPicture::screen() const {
  Screen screen{.colour = colour_, .unicode = unicode_};
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    screen.width = size.ws_col;
    screen.height = size.ws_row;
  }
  return screen;
}

void TerminalPicture::draw(const std::vector<std::string>& lines) {
  drawn_ = std::chrono::steady_clock::now();
  // One write, each line overwritten before what is left of it is cleared: nothing is seen to vanish.
  std::string picture = erasure(screen().width);
  widths_.clear();
  for (const std::string& line : lines) {
    picture += line + "\x1b[K\n";
    widths_.push_back(columns_of(line));
  }
  write(picture + "\x1b[J");
}

void TerminalPicture::erase() {
  if (widths_.empty()) return;
  write(erasure(screen().width) + "\x1b[J");
  widths_.clear();
  drawn_.reset();
}

// To the picture's first column; in a terminal that became narrower its lines take several rows.
std::string TerminalPicture::erasure(std::size_t width) const {
  std::size_t rows = 0;
  for (const std::size_t columns : widths_) rows += std::max<std::size_t>(1, (columns + width - 1) / width);
  return rows == 0 ? "" : "\x1b[" + std::to_string(rows) + "A\r";
}

}  // namespace paceline::decoder
