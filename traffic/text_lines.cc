// SPDX-License-Identifier: MIT
#include "traffic/text_lines.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "paceline/error.h"

namespace paceline::traffic {

namespace {

constexpr std::string_view kSeparators = " \t\r,;";

}  // namespace

TextLines::TextLines(const std::string& path) : path_(path), file_(path) {
  const int error = errno;
  std::error_code ignored;
  if (!file_.is_open()) throw UsageError(path + ": cannot be opened: " + std::generic_category().message(error));
  if (std::filesystem::is_directory(path, ignored)) throw UsageError(path + ": is a directory, not a file");
}

std::optional<std::vector<Word>> TextLines::next() {
  while (read_line()) {
    const std::string_view text = std::string_view(line_).substr(0, line_.find('#'));
    std::vector<Word> words;
    for (std::size_t at = text.find_first_not_of(kSeparators); at < text.size();) {
      const std::size_t end = std::min(text.find_first_of(kSeparators, at), text.size());
      words.push_back({text.substr(at, end - at), at + 1});
      at = text.find_first_not_of(kSeparators, end);
    }
    if (!words.empty()) return words;
  }
  return std::nullopt;
}

void TextLines::fail(const Word& word, const std::string& what) const {
  throw UsageError(path_ + ":" + std::to_string(number_) + ":" + std::to_string(word.column) + ": " + what);
}

// Up to kLongestLine bytes, so that no file of another kind is taken into memory.
bool TextLines::read_line() {
  line_.resize(kLongestLine + 1);
  ++number_;
  file_.getline(line_.data(), static_cast<std::streamsize>(line_.size()));
  const auto taken = static_cast<std::size_t>(file_.gcount());
  if (file_.bad()) throw UsageError(path_ + ": cannot be read");
  if (file_.eof()) {
    line_.resize(taken);
    return taken > 0;
  }
  if (file_.fail()) fail({"", kLongestLine}, "the line is longer than " + std::to_string(kLongestLine) + " bytes");
  line_.resize(taken - 1);  // without the line end
  return true;
}

}  // namespace paceline::traffic
