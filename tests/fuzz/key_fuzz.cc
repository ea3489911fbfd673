// SPDX-License-Identifier: MIT
//
// A file of keys. No error may tell of a secret.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/error.h"
#include "paceline/key.h"
#include "tests/fuzz/expect.h"

namespace {

using namespace paceline;

/// As it stands in the file, and as it is read; nothing else in the text may have a part of it.
constexpr std::string_view kSecret = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=";
constexpr std::string_view kParts[] = {kSecret.substr(0, 8), "ABCDEFGH"};

/// The complaint; empty if there is none.
std::string read(std::string_view text) {
  try {
    const std::vector<Key> keys = parse_keys(text, "file");
    EXPECT(!keys.empty() && keys.size() <= Key::kMaxKeys);
    for (const Key& key : keys) {
      EXPECT(!key.name.empty() && key.name.size() <= Key::kMaxName);
      EXPECT(key.secret.size() >= Key::kMinSecret && key.secret.size() <= Key::kMaxSecret);
      EXPECT(choose_key(keys, key.name) == key);
    }
    return {};
  } catch (const UsageError& error) {
    EXPECT(std::string_view(error.what()).starts_with("file:"));
    return error.what();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  read(text);
  for (const std::string_view part : kParts) {
    if (text.find(part) != std::string::npos) return 0;
  }
  const std::string complaint = read("name " + std::string(kSecret) + text);
  for (const std::string_view part : kParts) EXPECT(complaint.find(part) == std::string::npos);
  return 0;
}
