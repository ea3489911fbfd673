// SPDX-License-Identifier: MIT
#include "sender/live_output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <variant>

#include "paceline/decoder.h"

namespace paceline::sender {

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

struct Size {
  std::size_t width = 80;
  std::size_t height = 24;
};

Size terminal_size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
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

}  // namespace

bool can_redraw() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && terminal != nullptr && *terminal != '\0' && std::string_view(terminal) != "dumb";
}

LiveOutput::LiveOutput(const RunSpec& run, bool colour)
    : run_(run), colour_(colour), unicode_(writes_utf8()), notices_(run), view_(run.flows) {}

void LiveOutput::connected(const std::string& address) {
  erase();
  notices_.connected(address);
}

void LiveOutput::path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) {
  erase();
  notices_.path_confirmed(flow, path, stamping);
  if (++paths_ == run_.flows.size()) started_ = std::chrono::steady_clock::now();
}

void LiveOutput::interval(std::size_t flow, const PacketInterval& interval) { take(flow, interval); }
void LiveOutput::interval(std::size_t flow, const TcpInterval& interval) { take(flow, interval); }
void LiveOutput::interval(std::size_t flow, const ConnectionInterval& interval) { take(flow, interval); }

void LiveOutput::record(std::size_t flow, const std::filesystem::path& file, std::uint64_t bytes, std::uint64_t of) {
  erase();
  notices_.record(flow, file, bytes, of);
}

void LiveOutput::warning(const std::string& text) {
  erase();
  notices_.warning(text);
}

void LiveOutput::finish(const RunResult& result) {
  erase();
  over_ = true;
  write(render_text(result, {.colour = colour_}));
}

void LiveOutput::show() {
  const Time now = std::chrono::steady_clock::now();
  if (over_ || !started_ || (drawn_ && now - *drawn_ < kRedraw)) return;
  drawn_ = now;
  const auto [width, height] = terminal_size();
  const auto lines = view_.frame({.width = width,
                                  .height = height,
                                  .colour = colour_,
                                  .unicode = unicode_,
                                  .elapsed = std::chrono::duration_cast<nanoseconds>(now - *started_)});
  // One write, each line overwritten before what is left of it is cleared: nothing is seen to vanish.
  std::string picture = erasure(width);
  widths_.clear();
  for (const std::string& line : lines) {
    picture += line + "\x1b[K\n";
    widths_.push_back(columns_of(line));
  }
  write(picture + "\x1b[J");
}

template <class Interval>
void LiveOutput::take(std::size_t flow, const Interval& interval) {
  const nanoseconds delay = std::visit([](const auto& spec) { return spec.delay; }, run_.flows[flow]);
  const Time began = std::chrono::steady_clock::now() - (delay + interval.end);
  if (!interval.last && (!started_ || began < *started_)) started_ = began;
  view_.interval(flow, interval);
}

// To the picture's first column; in a terminal that became narrower its lines take several rows.
std::string LiveOutput::erasure(std::size_t width) {
  std::size_t rows = 0;
  for (const std::size_t columns : widths_) rows += std::max<std::size_t>(1, (columns + width - 1) / width);
  return rows == 0 ? "" : "\x1b[" + std::to_string(rows) + "A\r";
}

void LiveOutput::erase() {
  if (widths_.empty()) return;
  write(erasure(terminal_size().width) + "\x1b[J");
  widths_.clear();
  drawn_.reset();
}

void LiveOutput::write(const std::string& text) { std::cout << text << std::flush; }

}  // namespace paceline::sender
