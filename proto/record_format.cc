// SPDX-License-Identifier: MIT
#include "proto/record_format.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace paceline::record {

namespace {

// Bits of a record's first byte; see proto/README.md.
constexpr std::uint8_t kJump = 1, kSize = 2, kStamp = 4, kUnknown = 0x78, kEvent = 0x80;
constexpr std::size_t kMaxRecord = 71;  // a byte and seven varints
constexpr int kMaxVarint = 10;
static_assert(kPadding >= kMaxRecord);

constexpr std::uint16_t kOrderAny = 1;
constexpr std::uint8_t kUncompressed = 0;

// Offsets in a block's header.
constexpr std::size_t kKindAt = 8, kCompressionAt = 9, kFlagsAt = 10, kPayloadSizeAt = 12, kRecordsAt = 16,
                      kOrdinalAt = 20, kSequenceAt = 24, kDueAt = 32, kGapAt = 40, kRxUserAt = 48, kTransitAt = 56,
                      kNextExpectedAt = 64, kPreviousSequenceAt = 72, kPreviousTransitAt = 80, kJitterAt = 88,
                      kBaseSizeAt = 96, kUnpackedSizeAt = 100, kPayloadChecksumAt = 104, kHeaderChecksumAt = 112;
static_assert(kHeaderChecksumAt + kChecksumSize == kBlockHeaderSize);

template <class Integer>
void store(std::span<std::uint8_t> out, std::size_t at, Integer value) {
  const auto bits = static_cast<std::uint64_t>(value);
  for (std::size_t i = 0; i < sizeof(Integer); ++i) out[at + i] = static_cast<std::uint8_t>(bits >> (8 * i));
}

template <class Integer>
Integer load(Bytes in, std::size_t at) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) bits |= std::uint64_t{in[at + i]} << (8 * i);
  return static_cast<Integer>(bits);
}

std::uint64_t checksum(Bytes bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

// Sums and products of times from outside wrap.
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

// When a packet should be due: a gap for each sequence number passed.
std::int64_t predicted_due(const Base& last, std::uint64_t steps) {
  return plus(last.due, static_cast<std::int64_t>(static_cast<std::uint64_t>(last.gap) * steps));
}

}  // namespace

std::vector<std::uint8_t> encode_head(std::string_view head) {
  assert(head.size() <= kMaxHead);
  std::vector<std::uint8_t> bytes(kPreambleSize + head.size() + kChecksumSize);
  std::ranges::copy(kMagic, bytes.begin());
  store(bytes, 8, kVersion);
  store(bytes, 12, static_cast<std::uint32_t>(head.size()));
  std::ranges::copy(head, bytes.begin() + kPreambleSize);
  store(bytes, kPreambleSize + head.size(), checksum(Bytes(bytes).first(kPreambleSize + head.size())));
  return bytes;
}

Preamble decode_preamble(Bytes bytes) {
  if (!std::ranges::equal(bytes.first(kMagic.size()), kMagic)) return {0, "it is no Paceline record file"};
  const auto version = load<std::uint16_t>(bytes, 8);
  if (version != kVersion) {
    return {0, "it has version " + std::to_string(version) + " of the format, and this program reads version " +
                   std::to_string(kVersion)};
  }
  const std::size_t size = load<std::uint32_t>(bytes, 12);
  if (size > kMaxHead) return {0, "its head is damaged"};
  return {size, ""};
}

bool head_intact(Bytes bytes) {
  if (bytes.size() < kPreambleSize + kChecksumSize) return false;
  const std::size_t covered = bytes.size() - kChecksumSize;
  return load<std::uint64_t>(bytes, covered) == checksum(bytes.first(covered));
}

std::array<std::uint8_t, kBlockHeaderSize> encode(const BlockHeader& header, Bytes payload) {
  assert(header.payload_size == payload.size() && payload.size() <= kMaxPayload);
  std::array<std::uint8_t, kBlockHeaderSize> out{};
  std::ranges::copy(kMarker, out.begin());
  out[kKindAt] = static_cast<std::uint8_t>(header.kind);
  out[kCompressionAt] = kUncompressed;
  store(out, kFlagsAt, header.order.any ? kOrderAny : std::uint16_t{0});
  store(out, kPayloadSizeAt, header.payload_size);
  store(out, kRecordsAt, header.records);
  store(out, kOrdinalAt, header.ordinal);
  store(out, kSequenceAt, header.base.sequence);
  store(out, kDueAt, header.base.due);
  store(out, kGapAt, header.base.gap);
  store(out, kRxUserAt, header.base.rx_user);
  store(out, kTransitAt, header.base.transit);
  store(out, kNextExpectedAt, header.order.next_expected);
  store(out, kPreviousSequenceAt, header.order.previous_sequence);
  store(out, kPreviousTransitAt, header.order.previous_transit);
  store(out, kJitterAt, header.order.scaled_jitter);
  store(out, kBaseSizeAt, header.base.size);
  store(out, kUnpackedSizeAt, header.payload_size);
  store(out, kPayloadChecksumAt, checksum(payload));
  store(out, kHeaderChecksumAt, checksum(Bytes(out).first(kHeaderChecksumAt)));
  return out;
}

std::optional<BlockHeader> decode_block_header(Bytes bytes) {
  if (!std::ranges::equal(bytes.first(kMarker.size()), kMarker)) return std::nullopt;
  if (load<std::uint64_t>(bytes, kHeaderChecksumAt) != checksum(bytes.first(kHeaderChecksumAt))) return std::nullopt;
  BlockHeader header;
  if (bytes[kKindAt] != static_cast<std::uint8_t>(Kind::records) &&
      bytes[kKindAt] != static_cast<std::uint8_t>(Kind::tail))
    return std::nullopt;
  header.kind = static_cast<Kind>(bytes[kKindAt]);
  if (bytes[kCompressionAt] != kUncompressed) return std::nullopt;
  header.order.any = load<std::uint16_t>(bytes, kFlagsAt) & kOrderAny;
  header.payload_size = load<std::uint32_t>(bytes, kPayloadSizeAt);
  header.records = load<std::uint32_t>(bytes, kRecordsAt);
  header.ordinal = load<std::uint32_t>(bytes, kOrdinalAt);
  header.base.sequence = load<std::uint64_t>(bytes, kSequenceAt);
  header.base.due = load<std::int64_t>(bytes, kDueAt);
  header.base.gap = load<std::int64_t>(bytes, kGapAt);
  header.base.rx_user = load<std::int64_t>(bytes, kRxUserAt);
  header.base.transit = load<std::int64_t>(bytes, kTransitAt);
  header.order.next_expected = load<std::uint64_t>(bytes, kNextExpectedAt);
  header.order.previous_sequence = load<std::uint64_t>(bytes, kPreviousSequenceAt);
  header.order.previous_transit = load<std::int64_t>(bytes, kPreviousTransitAt);
  header.order.scaled_jitter = load<std::uint64_t>(bytes, kJitterAt);
  header.base.size = load<std::uint32_t>(bytes, kBaseSizeAt);
  if (header.payload_size > kMaxPayload || header.records > header.payload_size) return std::nullopt;
  return header;
}

bool payload_intact(Bytes header, Bytes payload) {
  return load<std::uint64_t>(header, kPayloadChecksumAt) == checksum(payload);
}

BlockEncoder::BlockEncoder() : payload_(kFullBlock + kMaxRecord) {}

void BlockEncoder::start(const Order& order) {
  used_ = 0;
  records_ = 0;
  order_ = order;
}

void BlockEncoder::begin_record(std::int64_t rx_user) {
  assert(!full());
  if (records_++ > 0) return;
  last_.rx_user = rx_user;
  base_ = last_;  // as if the packet after the last one came as predicted
  base_.due = predicted_due(last_, 1);
  base_.sequence = sequence_ + 1;
}

void BlockEncoder::add(const Packet& packet) {
  const std::int64_t due = minus(packet.tx_user, packet.lateness);
  const std::int64_t transit = minus(packet.rx_user, packet.tx_user);
  begin_record(packet.rx_user);
  if (records_ == 1) {
    sequence_ = packet.sequence - 1;
    last_.due = minus(due, last_.gap);
    last_.transit = transit;
    last_.size = packet.size;
    base_ = {packet.sequence, due, last_.gap, packet.rx_user, transit, packet.size};
  }
  const std::uint64_t steps = packet.sequence - sequence_;
  std::uint8_t& flags = payload_[used_++];
  flags = 0;
  if (steps != 1) {
    flags |= kJump;
    put_signed(static_cast<std::int64_t>(steps - 1));
  }
  put_signed(minus(due, predicted_due(last_, steps)));
  put_signed(packet.lateness);
  put_signed(minus(transit, last_.transit));
  if (packet.stamped) {
    flags |= kStamp;
    put_signed(minus(packet.rx_user, packet.rx_tc));
  }
  if (packet.size != last_.size) {
    flags |= kSize;
    put(packet.size);
  }

  if (steps == 1) last_.gap = minus(due, last_.due);
  sequence_ = packet.sequence;
  last_.due = due;
  last_.rx_user = packet.rx_user;
  last_.transit = transit;
  last_.size = packet.size;
}

void BlockEncoder::add(const Event& event) {
  begin_record(event.time);
  payload_[used_++] = static_cast<std::uint8_t>(kEvent | event.what);
  put(event.number);
  put_signed(minus(event.time, last_.rx_user));
}

BlockHeader BlockEncoder::header(std::uint32_t ordinal) const {
  return {Kind::records, static_cast<std::uint32_t>(used_), records_, ordinal, base_, order_};
}

void BlockEncoder::put(std::uint64_t value) {
  while (value >= 0x80) {
    payload_[used_++] = static_cast<std::uint8_t>(value | 0x80);
    value >>= 7;
  }
  payload_[used_++] = static_cast<std::uint8_t>(value);
}

void BlockEncoder::put_signed(std::int64_t value) {
  put(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}

BlockDecoder::BlockDecoder(const BlockHeader& header, Bytes payload)
    : at_(payload.data()),
      end_(payload.data() + payload.size()),
      records_left_(header.records),
      sequence_(header.base.sequence - 1),
      last_(header.base) {
  last_.due = minus(last_.due, last_.gap);
}

// Most numbers take a byte or two.
inline std::uint64_t BlockDecoder::get() {
  if (at_[0] < 0x80) return *at_++;
  if (at_[1] < 0x80) {
    const std::uint64_t value = (at_[0] & 0x7Fu) | std::uint64_t{at_[1]} << 7;
    at_ += 2;
    return value;
  }
  return get_long();
}

std::uint64_t BlockDecoder::get_long() {
  std::uint64_t value = 0;
  for (int i = 0; i < kMaxVarint; ++i) {
    const std::uint64_t byte = *at_++;
    value |= (byte & 0x7F) << (7 * i);
    if (byte < 0x80) return value;
  }
  bad_ = true;
  return 0;
}

inline std::int64_t BlockDecoder::get_signed() {
  const std::uint64_t value = get();
  return static_cast<std::int64_t>(value >> 1 ^ (0 - (value & 1)));
}

BlockDecoder::Step BlockDecoder::next(Packet& packet, Event& event) {
  if (bad_) return Step::damaged;
  if (records_left_ == 0) return at_ == end_ ? Step::end : Step::damaged;
  if (at_ >= end_) return Step::damaged;
  --records_left_;

  const std::uint8_t flags = *at_++;
  if (flags & kEvent) {
    event.what = flags & static_cast<std::uint8_t>(~kEvent);
    event.number = get();
    event.time = plus(last_.rx_user, get_signed());
    bad_ |= at_ > end_;
    return bad_ ? Step::damaged : Step::event;
  }

  const std::uint64_t steps = flags & kJump ? static_cast<std::uint64_t>(get_signed()) + 1 : 1;
  const std::int64_t due = plus(predicted_due(last_, steps), get_signed());
  packet.lateness = get_signed();
  const std::int64_t transit = plus(last_.transit, get_signed());
  packet.sequence = sequence_ + steps;
  packet.tx_user = plus(due, packet.lateness);
  packet.rx_user = plus(packet.tx_user, transit);
  packet.stamped = flags & kStamp;
  packet.rx_tc = packet.stamped ? minus(packet.rx_user, get_signed()) : 0;
  if (flags & kSize) last_.size = static_cast<std::uint32_t>(get());
  packet.size = last_.size;
  bad_ |= (flags & kUnknown) != 0 || at_ > end_;
  if (bad_) return Step::damaged;

  if (steps == 1) last_.gap = minus(due, last_.due);
  sequence_ = packet.sequence;
  last_.due = due;
  last_.rx_user = packet.rx_user;
  last_.transit = transit;
  return Step::packet;
}

}  // namespace paceline::record
