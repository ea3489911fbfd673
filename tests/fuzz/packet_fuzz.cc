// SPDX-License-Identifier: MIT
//
// Every datagram that can reach a data port or a sender.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "proto/packet.h"
#include "tests/fuzz/expect.h"

namespace {

using namespace paceline;

/// A valid packet's fields survive, and bytes that we would write are written again.
template <class Decode>
void round_trip(std::span<const std::uint8_t> bytes, Decode decode) {
  const auto packet = decode(bytes);
  if (!packet) return;
  const auto encoded = packet::encode(*packet);
  EXPECT(encoded.size() <= bytes.size());
  const auto again = decode(encoded);
  EXPECT(again.has_value());
  EXPECT(packet::encode(*again) == encoded);
  // All but the head's time and lateness, which repeat what follows, and the padding.
  EXPECT(std::equal(encoded.begin(), encoded.begin() + 10, bytes.begin()));
  EXPECT(std::equal(encoded.begin() + packet::kHeaderSize, encoded.begin() + packet::kProbeReplySize,
                    bytes.begin() + packet::kHeaderSize));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  if (const auto header = packet::decode_header(bytes)) {
    std::array<std::uint8_t, packet::kHeaderSize> encoded{};
    packet::encode(*header, encoded);
    EXPECT(std::equal(encoded.begin(), encoded.end(), bytes.begin()));
    const std::int64_t lateness = packet::decode_lateness(header->lateness);
    EXPECT(lateness >= 0);
    EXPECT(packet::encode_lateness(lateness) == header->lateness);
  }
  round_trip(bytes, [](std::span<const std::uint8_t> b) { return packet::decode_probe(b); });
  round_trip(bytes, [](std::span<const std::uint8_t> b) { return packet::decode_probe_reply(b); });
  if (const auto knock = packet::decode_knock(bytes)) {
    const auto again = packet::decode_knock(packet::encode(*knock));
    EXPECT(again && again->flow_id == knock->flow_id && again->number == knock->number);
    EXPECT(again->secret == knock->secret);
  }

  if (size < 16) return 0;
  std::uint64_t low, near;
  std::memcpy(&low, data, 8);
  std::memcpy(&near, data + 8, 8);
  const auto sequence = static_cast<std::uint32_t>(low);
  const std::uint64_t extended = packet::extend_sequence(sequence, near >> 1);
  EXPECT(static_cast<std::uint32_t>(extended) == sequence);
  EXPECT(extended - (near >> 1) + (1u << 31) <= 1ull << 32 || extended == sequence);
  const auto around = static_cast<std::int64_t>(near) / 2;
  const std::int64_t time = packet::extend_time(low & ((1ull << 48) - 1), around);
  EXPECT(((static_cast<std::uint64_t>(time) ^ low) & ((1ull << 48) - 1)) == 0);
  EXPECT(time - around >= -(1ll << 47) && time - around < 1ll << 47);
  return 0;
}
