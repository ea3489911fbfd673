// SPDX-License-Identifier: MIT
//
// What somebody on the path does to a session's sealed frames: nothing that the peer did not send may come of it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/frame.h"
#include "signalling/authentication.h"
#include "tests/fuzz/expect.h"

namespace {

using namespace paceline;

const Key kKey{"fuzz", "a secret of sorts"};
const signalling::Opening kOpening{"hello", "welcome"};
const std::vector<std::string> kMessages{"first", "", "the third", std::string(300, 'x')};

std::string sealed_stream() {
  signalling::SessionSeal seal(kKey, kOpening, signalling::Side::sender);
  std::string stream;
  for (const std::string& message : kMessages) stream += frame::encode(message, &seal);
  return stream;
}

/// Four bytes an edit: what is done, at which place (of 256 * 2), with which byte.
std::string edited(std::string stream, std::span<const std::uint8_t> edits) {
  for (; edits.size() >= 4; edits = edits.subspan(4)) {
    const std::size_t at = stream.empty() ? 0 : (std::size_t{edits[1]} << 8 | edits[2]) % stream.size();
    const char byte = static_cast<char>(edits[3]);
    switch (edits[0] % 5) {
      case 0:
        if (!stream.empty()) stream[at] = static_cast<char>(stream[at] ^ byte);
        break;
      case 1: stream.insert(at, 1, byte); break;
      case 2: stream.erase(at, edits[3]); break;
      case 3: stream.insert(at, stream.substr(0, edits[3])); break;
      case 4: stream += stream.substr(at, edits[3]); break;
    }
    if (stream.size() > 4096) stream.resize(4096);
  }
  return stream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string kStream = sealed_stream();
  const std::string stream = edited(kStream, {data, size});
  signalling::SessionSeal seal(kKey, kOpening, signalling::Side::sender);
  frame::Reader reader(1 << 16);
  reader.expect_seal(seal);
  std::vector<std::string> read;
  try {
    for (std::size_t at = 0; at < stream.size(); at += 11) {
      reader.push(std::string_view(stream).substr(at, 11));
      while (auto message = reader.next()) read.push_back(std::move(*message));
    }
  } catch (const frame::FrameError& error) {
    EXPECT(std::string_view(error.what()) == frame::kNotAuthentic);
  }
  EXPECT(read.size() <= kMessages.size());
  for (std::size_t i = 0; i < read.size(); ++i) EXPECT(read[i] == kMessages[i]);
  if (stream == kStream) EXPECT(read == kMessages);
  return 0;
}
