// SPDX-License-Identifier: MIT
//
// What a command line of paceline-send comes to.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sender/options.h"

namespace paceline::sender {

struct Parsed {
  std::optional<int> exit_code;
  Options options;
  std::string error;
  std::string output;
};

/// A file that is there as long as the test.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& name, const std::string& text) : path(testing::TempDir() + name) {
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string path;
};

inline Parsed parse(std::vector<std::string> words) {
  words.insert(words.begin(), "paceline-send");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  Parsed parsed;
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  parsed.exit_code = parse_options(static_cast<int>(arguments.size()), arguments.data(), parsed.options);
  parsed.error = testing::internal::GetCapturedStderr();
  parsed.output = testing::internal::GetCapturedStdout();
  return parsed;
}

template <class Spec>
Spec only_flow(const Parsed& parsed) {
  EXPECT_FALSE(parsed.exit_code) << parsed.error;
  EXPECT_EQ(parsed.options.run.flows.size(), 1u);
  return std::get<Spec>(parsed.options.run.flows.at(0));
}

inline void expect_usage_error(const std::vector<std::string>& words, const std::string& says) {
  const Parsed parsed = parse(words);
  EXPECT_EQ(parsed.exit_code, 2) << testing::PrintToString(words);
  EXPECT_THAT(parsed.error, testing::HasSubstr(says)) << testing::PrintToString(words);
}

}  // namespace paceline::sender
