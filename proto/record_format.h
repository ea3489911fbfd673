// SPDX-License-Identifier: MIT
//
// The record file's frame: a head, then blocks that can be found and decoded each on its own. proto/RECORDS.md draws
// them; record_columns.h has what is in a block. Little-endian throughout. Nothing here does I/O.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paceline::record {

using Bytes = std::span<const std::uint8_t>;

inline constexpr std::array<std::uint8_t, 8> kMagic{0x89, 'P', 'C', 'L', 'R', 'E', 'C', '\n'};
inline constexpr std::array<std::uint8_t, 8> kMarker{0xF1, 'B', 'l', 'o', 'c', 'k', 0x1A, '\n'};
inline constexpr std::uint16_t kVersion = 2;  // that is written
inline constexpr std::uint16_t kOldest = 1;   // that is read

inline constexpr std::size_t kPreambleSize = 16;  // magic, version, reserved, head's length
inline constexpr std::size_t kChecksumSize = 8;
inline constexpr std::size_t kMaxHead = std::size_t{64} << 10;  // a specification with its models and names
inline constexpr std::size_t kBlockHeaderSize = 80;
inline constexpr std::size_t kOldBlockHeaderSize = 120;  // version 1's
inline constexpr std::size_t kMaxPayload = std::size_t{1} << 20;
inline constexpr std::size_t kMaxPackets = std::size_t{1} << 14;  // in a block; version 1: as many as its payload holds
inline constexpr std::size_t kMaxEvents = std::size_t{1} << 12;

enum class Kind : std::uint8_t { records = 1, tail = 2 };

/// One data packet. Times are nanoseconds: tx by the sender's CLOCK_MONOTONIC, rx by the receiver's.
struct Packet {
  std::uint64_t sequence = 0;
  std::int64_t tx_user = 0;
  std::int64_t lateness = 0;
  std::int64_t rx_tc = 0;  // when stamped
  std::int64_t rx_user = 0;
  std::uint32_t size = 0;
  bool stamped = false;

  bool operator==(const Packet&) const = default;
};

/// Something else that the receiver counted for the flow.
struct Event {
  std::uint8_t what = 0;  // decoder's Counted, 1 to 127
  std::uint64_t number = 0;
  std::int64_t time = 0;

  bool operator==(const Event&) const = default;
};

/// Where a decoder of the flow stands at a block's start, so that blocks can be decoded apart from each
/// other.
struct Order {
  bool any = false;  // a packet came before; else the rest is 0
  std::uint64_t next_expected = 0;
  std::uint64_t previous_sequence = 0;
  std::int64_t previous_transit = 0;
  std::uint64_t scaled_jitter = 0;  // RFC 3550 A.8: 16 times the estimate

  bool operator==(const Order&) const = default;
};

struct BlockHeader {
  Kind kind = Kind::records;
  std::uint32_t payload_size = 0;
  std::uint32_t packets = 0;  // version 1: events included
  std::uint32_t events = 0;
  std::uint32_t ordinal = 0;  // 0 for a file's first block
  std::uint32_t file = 0;     // see file_mark(); version 1: 0
  Order order;

  std::uint64_t records() const { return std::uint64_t{packets} + events; }
  bool operator==(const BlockHeader&) const = default;
};

/// The file's beginning: preamble, head and checksum.
std::vector<std::uint8_t> encode_head(std::string_view head);
/// The version and the head's length by the preamble, or why there is none. Precondition: bytes.size() ==
/// kPreambleSize.
struct Preamble {
  std::uint16_t version = 0;
  std::size_t head_size = 0;
  std::string error;  // empty if good
};
Preamble decode_preamble(Bytes bytes);
/// Whether a file's beginning, checksum included, is undamaged.
bool head_intact(Bytes bytes);
/// What its blocks are marked with, so that another file's are told apart. Precondition: head_intact(bytes).
std::uint32_t file_mark(Bytes bytes);

/// A block's header with its two checksums. Precondition: header.payload_size == payload.size() <= kMaxPayload.
std::array<std::uint8_t, kBlockHeaderSize> encode(const BlockHeader& header, Bytes payload);

constexpr std::size_t block_header_size(std::uint16_t version) {
  return version == 1 ? kOldBlockHeaderSize : kBlockHeaderSize;
}
/// nullopt unless it is undamaged and possible. Precondition: bytes.size() == block_header_size(version).
std::optional<BlockHeader> decode_block_header(std::uint16_t version, Bytes bytes);
/// Whether this is the payload that the header was made for. Precondition: as above.
bool payload_intact(std::uint16_t version, Bytes header, Bytes payload);

}  // namespace paceline::record
