// SPDX-License-Identifier: MIT
//
// The record file's bytes: a head, then blocks that can be found and decoded each on its own. proto/README.md
// draws them. Little-endian throughout. Nothing here does I/O.
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
inline constexpr std::uint16_t kVersion = 1;

inline constexpr std::size_t kPreambleSize = 16;  // magic, version, reserved, head's length
inline constexpr std::size_t kChecksumSize = 8;
inline constexpr std::size_t kMaxHead = std::size_t{64} << 10;  // a specification with its models and names
inline constexpr std::size_t kBlockHeaderSize = 120;
inline constexpr std::size_t kMaxPayload = std::size_t{1} << 20;
inline constexpr std::size_t kFullBlock = std::size_t{64} << 10;  // a writer starts another one at this size
inline constexpr std::size_t kPadding = 80;  // readable bytes that BlockDecoder wants behind a payload

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

/// What a block's first record is coded against: such that the first packet itself is, lateness aside,
/// predicted.
struct Base {
  std::uint64_t sequence = 0;
  std::int64_t due = 0;  // tx.user - lateness
  std::int64_t gap = 0;  // between due times
  std::int64_t rx_user = 0;
  std::int64_t transit = 0;  // rx.user - tx.user
  std::uint32_t size = 0;

  bool operator==(const Base&) const = default;
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
  std::uint32_t records = 0;
  std::uint32_t ordinal = 0;  // 0 for a file's first block
  Base base;
  Order order;

  bool operator==(const BlockHeader&) const = default;
};

/// The file's beginning: preamble, head and checksum.
std::vector<std::uint8_t> encode_head(std::string_view head);
/// The head's length by the preamble, or why there is none. Precondition: bytes.size() == kPreambleSize.
struct Preamble {
  std::size_t head_size = 0;
  std::string error;  // empty if good
};
Preamble decode_preamble(Bytes bytes);
/// Whether a file's beginning, checksum included, is undamaged.
bool head_intact(Bytes bytes);

/// A block's header with its two checksums. Precondition: header.payload_size == payload.size() <=
/// kMaxPayload.
std::array<std::uint8_t, kBlockHeaderSize> encode(const BlockHeader& header, Bytes payload);
/// nullopt unless it is undamaged and possible. Precondition: bytes.size() == kBlockHeaderSize.
std::optional<BlockHeader> decode_block_header(Bytes bytes);
/// Whether this is the payload that the header was made for. Precondition: as above.
bool payload_intact(Bytes header, Bytes payload);

/// Packs records into a block's payload. Allocates only in its constructor.
class BlockEncoder {
 public:
  BlockEncoder();

  /// Starts a block: `order` is the state before its first record.
  void start(const Order& order);
  void add(const Packet& packet);
  void add(const Event& event);

  bool empty() const { return records_ == 0; }
  bool full() const { return used_ >= kFullBlock; }
  Bytes payload() const { return Bytes(payload_).first(used_); }
  BlockHeader header(std::uint32_t ordinal) const;

 private:
  void put(std::uint64_t value);
  void put_signed(std::int64_t value);
  void begin_record(std::int64_t rx_user);

  std::vector<std::uint8_t> payload_;
  std::size_t used_ = 0;
  std::uint32_t records_ = 0;
  Base base_;
  Order order_;

  // What the next packet is predicted from.
  std::uint64_t sequence_ = 0;  // the previous one's
  Base last_;                   // its other fields
};

/// Unpacks what BlockEncoder packed. Never reads beyond the payload and its padding, whatever the bytes are.
class BlockDecoder {
 public:
  enum class Step { packet, event, end, damaged };

  /// Precondition: kPadding readable bytes follow the payload.
  BlockDecoder(const BlockHeader& header, Bytes payload);

  /// The next record, into the one of the two that the answer names. `damaged`: the bytes make no sense from
  /// here on.
  Step next(Packet& packet, Event& event);

 private:
  std::uint64_t get();
  std::uint64_t get_long();
  std::int64_t get_signed();

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::uint32_t records_left_;
  std::uint64_t sequence_;
  Base last_;
  bool bad_ = false;
};

}  // namespace paceline::record
