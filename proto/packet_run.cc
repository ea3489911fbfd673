// SPDX-License-Identifier: MIT
//
// Some nanoseconds a packet matter here: the header is compared in words. proto/README.md draws its bytes.
#include "proto/packet_run.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>

#include "proto/packet.h"

namespace paceline::packet {

namespace {

// The header's first two words overlap the fields that a run shares in these bytes.
constexpr auto kMarkTypeAndFlow =
    std::bit_cast<std::uint64_t>(std::array<std::uint8_t, 8>{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00});
constexpr auto kSendTime =
    std::bit_cast<std::uint64_t>(std::array<std::uint8_t, 8>{0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF});
constexpr std::size_t kSequenceAt = 6, kSecondWordAt = 8, kLatenessAt = 16;

std::uint64_t word(const std::uint8_t* at) {
  std::uint64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

std::uint32_t sequence(const std::uint8_t* packet) {
  const std::uint8_t* at = packet + kSequenceAt;
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

std::uint16_t lateness_of(const std::uint8_t* packet) {
  return static_cast<std::uint16_t>(packet[kLatenessAt] << 8 | packet[kLatenessAt + 1]);
}

}  // namespace

std::size_t run_length(std::span<const std::uint8_t> packets, std::size_t size, std::span<std::uint16_t> lateness) {
  assert(size >= kHeaderSize && packets.size() >= size && !lateness.empty());
  const std::size_t most = std::min(packets.size() / size, lateness.size());
  const std::uint8_t* const first = packets.data();
  const std::uint64_t head = word(first) & kMarkTypeAndFlow;
  const std::uint64_t sent = word(first + kSecondWordAt) & kSendTime;
  const std::uint32_t begin = sequence(first);
  for (std::size_t i = 0; i < most; ++i) {
    const std::uint8_t* const packet = first + i * size;
    const std::uint64_t differs =
        ((word(packet) ^ head) & kMarkTypeAndFlow) | ((word(packet + kSecondWordAt) ^ sent) & kSendTime);
    if (differs != 0 || sequence(packet) != begin + static_cast<std::uint32_t>(i)) return i;
    lateness[i] = lateness_of(packet);
  }
  return most;
}

}  // namespace paceline::packet
