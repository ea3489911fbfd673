// SPDX-License-Identifier: MIT
//
// What is in a record file's block: a block's packets lie field by field, each field's bytes apart by their weight, so
// that they compress well and decode in plain loops. proto/RECORDS.md draws it. Nothing here does I/O.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "proto/record_format.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace paceline::record {

/// Packets that lie next to each other in a block, field by field.
struct Chunk {
  static constexpr std::size_t kMost = 512;

  std::size_t packets = 0;
  bool consecutive = false;  // each sequence number is that of the packet before plus 1, the first one's aside
  bool all_stamped = false;
  std::array<std::uint64_t, kMost> sequence;
  std::array<std::int64_t, kMost> rx_user;
  std::array<std::int64_t, kMost> transit;  // rx.user - tx.user, each by its own clock
  std::array<std::int64_t, kMost> lateness;
  std::array<std::int64_t, kMost> host;  // rx.user - rx.tc where stamped
  std::array<std::uint32_t, kMost> size;
  std::array<std::uint8_t, kMost> stamped;  // 0 or 1
  std::optional<Event> event;               // came after the packets

  Packet packet(std::size_t at) const;
};

/// Packets that are next to each other in a block and in sequence.
struct SequenceRun {
  std::uint64_t first = 0;
  std::uint32_t packets = 0;

  bool operator==(const SequenceRun&) const = default;
};

/// Collects a block's records and packs them.
class BlockEncoder {
 public:
  BlockEncoder();
  ~BlockEncoder();

  /// Starts a block: `order` is the state before its first record.
  void start(const Order& order);
  /// Precondition: not full().
  void add(const Packet& packet) { packets_.push_back(packet); }
  void add(const Event& event) { events_.push_back({static_cast<std::uint32_t>(packets_.size()), event}); }

  std::size_t packets() const { return packets_.size(); }
  std::size_t records() const { return packets_.size() + events_.size(); }
  bool empty() const { return records() == 0; }
  bool full() const { return packets_.size() == kMaxPackets || events_.size() == kMaxEvents; }

  struct Block {
    BlockHeader header;
    Bytes payload;  // valid until start()
  };
  Block pack(std::uint32_t ordinal, std::uint32_t file);

 private:
  struct PlacedEvent {
    std::uint32_t position;  // packets before it
    Event event;
  };
  template <class Value>
  void pack_column(std::size_t column, Value&& value);
  void pack_plane(std::span<const std::uint8_t> plane);

  std::vector<Packet> packets_;
  std::vector<PlacedEvent> events_;
  Order order_;
  std::vector<std::uint64_t> values_;  // of a column
  std::vector<std::uint8_t> plane_;
  std::vector<std::uint32_t> lengths_;  // of the planes
  std::vector<std::uint8_t> planes_;
  std::vector<std::uint8_t> payload_;

  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_CCtx_s, Free> zstd_;
};

class OldBlockDecoder;

/// Unpacks blocks. Never reads beyond them, whatever the bytes are.
class BlockDecoder {
 public:
  enum class Step { chunk, end, damaged };

  BlockDecoder();
  ~BlockDecoder();

  /// Begins a block: header and payload, which must stay until the last chunk. What makes no sense shows in next().
  void open(std::uint16_t version, const BlockHeader& header, Bytes block);
  /// The next records. `damaged`: the bytes make no sense from here on.
  Step next(Chunk& chunk);

  /// A block's sequence numbers alone, in order; false if they make no sense.
  bool sequences(std::uint16_t version, const BlockHeader& header, Bytes block, std::vector<SequenceRun>& runs);

 private:
  static constexpr std::size_t kColumns = 7;
  static constexpr std::size_t kMaxWidth = 8;
  struct Column {
    std::uint64_t base = 0;
    std::size_t width = 0;                                // bytes of a value
    std::array<const std::uint8_t*, kMaxWidth> planes{};  // from the lowest byte on
  };
  bool read_directory(const BlockHeader& header, Bytes payload);
  bool unpack(std::size_t column);
  static void read(const Column& column, std::size_t from, std::size_t number, std::uint64_t* out);
  std::size_t packets_until_event() const;
  void take_event(Chunk& chunk);

  Bytes payload_;
  std::size_t packets_ = 0;
  std::size_t at_ = 0;  // packets given out
  std::size_t events_ = 0;
  std::size_t events_at_ = 0;                       // offset of the next event in the payload
  std::uint64_t sequence_ = 0, due_ = 0, gap_ = 0;  // of the packet before
  bool bad_ = false;

  std::array<Column, kColumns> columns_;
  std::array<Bytes, kColumns * kMaxWidth> packed_;  // planes as they lie in the payload
  std::vector<std::uint8_t> unpacked_;
  std::unique_ptr<OldBlockDecoder> old_;  // of version 1
  bool is_old_ = false;

  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_DCtx_s, Free> zstd_;
};

}  // namespace paceline::record
