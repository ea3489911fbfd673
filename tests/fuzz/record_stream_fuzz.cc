// SPDX-License-Identifier: MIT
//
// Packets on a byte stream: however its bytes were cut on the way, the same packets come out, up to the same place. The
// input's first byte chooses the largest packet, the second where the stream is cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/fuzz/expect.h"
#include "traffic/record_stream.h"

namespace {

using namespace paceline;
using Splitter = traffic::RecordSplitter;
using Bytes = std::span<const std::uint8_t>;

struct Taken {
  std::vector<std::vector<std::uint8_t>> packets;
  Splitter::Outcome outcome = Splitter::Outcome::whole;
};

Taken split(Bytes stream, std::uint32_t largest, std::size_t step) {
  Taken taken;
  Splitter splitter(largest);
  while (!stream.empty() && taken.outcome == Splitter::Outcome::whole) {
    const Bytes piece = stream.first(std::min(step, stream.size()));
    stream = stream.subspan(piece.size());
    taken.outcome = splitter.feed(piece, [&](Bytes packet) {
      EXPECT(packet.size() >= packet::kHeaderSize && packet.size() <= largest);
      taken.packets.emplace_back(packet.begin(), packet.end());
      return true;
    });
  }
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::uint32_t largest = static_cast<std::uint32_t>(packet::kHeaderSize) + data[0];
  const Bytes stream(data + 2, size - 2);
  const Taken whole = split(stream, largest, std::max<std::size_t>(stream.size(), 1));
  const Taken cut = split(stream, largest, std::size_t{data[1]} + 1);
  const Taken bytewise = split(stream, largest, 1);
  EXPECT(whole.packets == cut.packets && whole.outcome == cut.outcome);
  EXPECT(whole.packets == bytewise.packets && whole.outcome == bytewise.outcome);
  return 0;
}
