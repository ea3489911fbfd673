// SPDX-License-Identifier: MIT
//
// Output compared with a file under tests/golden/; PACELINE_UPDATE_GOLDEN=1 writes the files anew, for
// review.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace paceline::decoder::testing {

inline std::filesystem::path golden(const std::string& name) { return std::filesystem::path(PACELINE_GOLDEN) / name; }

inline bool updating_golden() {
  const char* asked = std::getenv("PACELINE_UPDATE_GOLDEN");
  return asked != nullptr && std::string_view(asked) == "1";
}

inline void expect_golden(const std::string& name, const std::string& text) {
  if (updating_golden()) {
    std::ofstream(golden(name), std::ios::binary | std::ios::trunc) << text;
    return;
  }
  std::ifstream file(golden(name), std::ios::binary);
  EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(file), {})) << golden(name);
}

}  // namespace paceline::decoder::testing
