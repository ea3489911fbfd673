// SPDX-License-Identifier: MIT
//
// Framing: however a peer's stream is cut on its way, the same messages come out of it, up to the same place.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "proto/frame.h"
#include "tests/fuzz/expect.h"

namespace {

using namespace paceline;

constexpr std::size_t kMaxMessage = 256 * 1024;

struct Cut {
  std::vector<std::string> messages;
  bool failed = false;
};

/// The stream's messages when it arrives `step` bytes at a time.
Cut cut(std::span<const char> stream, std::size_t step) {
  Cut result;
  frame::Reader reader(kMaxMessage);
  try {
    for (std::size_t at = 0; at < stream.size(); at += step) {
      reader.push(stream.subspan(at, std::min(step, stream.size() - at)));
      while (auto message = reader.next()) {
        EXPECT(message->size() <= kMaxMessage);
        result.messages.push_back(std::move(*message));
      }
    }
  } catch (const frame::FrameError&) {
    result.failed = true;
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span stream(reinterpret_cast<const char*>(data), size);
  const Cut whole = cut(stream, size + 1);
  const Cut pieces = cut(stream, 7);
  EXPECT(whole.messages == pieces.messages);
  EXPECT(whole.failed == pieces.failed);
  return 0;
}
