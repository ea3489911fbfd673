// SPDX-License-Identifier: MIT
//
// A model's text, as a command line, a file and the wire bring it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "paceline/error.h"
#include "paceline/model.h"
#include "tests/fuzz/expect.h"

namespace {

using namespace paceline;

void parse(std::string_view text, Quantity quantity) {
  Model model;
  try {
    model = parse_model(text, quantity);
  } catch (const UsageError& error) {
    // A short, printable line that says where.
    const std::string_view what = error.what();
    EXPECT(what.starts_with("model '") && what.find("column ") != std::string_view::npos);
    EXPECT(what.size() < 1000);
    for (const char c : what) EXPECT(c >= ' ' && c <= '~');
    return;
  }
  mean(model);
  const std::string written = to_string(model, quantity);
  if (written.size() > kMaxModelText) return;
  EXPECT(parse_model(written, quantity) == model);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  parse(text, Quantity::time);
  parse(text, Quantity::bytes);
  return 0;
}
