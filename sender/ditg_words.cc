// SPDX-License-Identifier: MIT
#include "sender/ditg_words.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "paceline/error.h"
#include "proto/quantity_text.h"

namespace paceline::sender {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// -5 is a number, -c an option.
bool is_option(const std::string& text) {
  return text.size() > 1 && text[0] == '-' && !(text[1] >= '0' && text[1] <= '9') && text[1] != '.';
}

// Foreign bytes as a message may show them.
std::string shown(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

std::string quoted(const std::string& text) {
  constexpr std::size_t kMost = 60;
  return std::string("'").append(text, 0, kMost).append("'");
}

}  // namespace

DitgWords::DitgWords(std::string_view line, std::string_view file, std::size_t number) : file_(file), number_(number) {
  for (std::size_t at = 0; at < line.size();) {
    std::size_t end = at;
    while (end < line.size() && !is_space(line[end])) ++end;
    if (end > at) words_.push_back({std::string(line.substr(at, end - at)), at + 1});
    at = std::max(end, at + 1);
  }
  const auto comment = std::ranges::find_if(words_, [](const DitgWord& word) { return word.text.starts_with('#'); });
  words_.erase(comment, words_.end());
}

bool DitgWords::value_follows() const { return more() && !is_option(words_[at_].text); }

DitgWord DitgWords::value(const DitgWord& option) {
  if (!value_follows()) fail(option, "needs a value, or another one");
  return next();
}

double DitgWords::number(const DitgWord& option) {
  const DitgWord word = value(option);
  const auto number = parse_number(word.text);
  if (!number) fail(word, quoted(word.text) + ", of " + option.text + ", is no number");
  return *number;
}

double DitgWords::above_zero(const DitgWord& option) {
  const DitgWord& word = words_[std::min(at_, words_.size() - 1)];
  const double number = this->number(option);
  if (number <= 0) fail(word, quoted(word.text) + ", of " + option.text + ", must be above 0");
  return number;
}

std::uint32_t DitgWords::count(const DitgWord& option, std::uint32_t least, std::uint32_t most) {
  const DitgWord word = value(option);
  const bool hex = word.text.starts_with("0x");
  const char* begin = word.text.data() + (hex ? 2 : 0);
  const char* end = word.text.data() + word.text.size();
  std::uint32_t count = 0;
  const auto [read, error] = std::from_chars(begin, end, count, hex ? 16 : 10);
  if (error != std::errc{} || read != end || count < least || count > most) {
    fail(word, quoted(word.text) + ", of " + option.text + ", is no whole number from " + std::to_string(least) +
                   " to " + std::to_string(most));
  }
  return count;
}

void DitgWords::fail(const DitgWord& word, const std::string& what) const {
  const std::string named = is_option(word.text) ? word.text + ": " : "";
  throw UsageError(
      shown(file_ + ":" + std::to_string(number_) + ":" + std::to_string(word.column) + ": " + named + what));
}

void DitgWords::fail(const std::string& what) const {
  throw UsageError(shown(file_ + ":" + std::to_string(number_) + ":1: " + what));
}

void DitgNotes::add(std::size_t line, const std::string& text) {
  const auto found = std::ranges::find(notes_, text, &std::pair<std::string, std::set<std::size_t>>::first);
  if (found != notes_.end())
    found->second.insert(line);
  else
    notes_.push_back({text, {line}});
}

std::vector<std::string> DitgNotes::take(std::string_view file) const {
  constexpr std::size_t kLinesNamed = 5;
  std::vector<std::string> texts;
  for (const auto& [text, lines] : notes_) {
    std::string named;
    std::size_t count = 0;
    for (const std::size_t line : lines) {
      if (++count > kLinesNamed) break;
      named += (named.empty() ? "" : ", ") + std::to_string(line);
    }
    if (lines.size() > kLinesNamed) named += " and " + std::to_string(lines.size() - kLinesNamed) + " more";
    texts.push_back(std::string(file) + ": line" + (lines.size() == 1 ? " " : "s ") + named + ": " + text);
  }
  return texts;
}

}  // namespace paceline::sender
