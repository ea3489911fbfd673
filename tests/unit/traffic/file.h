// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "paceline/error.h"

namespace paceline::traffic {

/// A file of this test's own, gone with it.
class TestFile {
 public:
  explicit TestFile(const std::string& content = "", const std::string& name = "file") {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = testing::TempDir() + "paceline_" + test->test_suite_name() + "_" + test->name() + "_" + name;
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TestFile() { std::filesystem::remove(path_); }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// What a call is refused with; "accepted" if it is not.
template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace paceline::traffic
