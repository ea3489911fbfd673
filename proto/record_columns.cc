// SPDX-License-Identifier: MIT
#include "proto/record_columns.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <new>

#include "proto/record_bytes.h"
#include "proto/record_version1.h"

namespace paceline::record {

namespace {

// The columns, in the order in which they lie in a block.
enum { kStep, kDue, kLateness, kTransit, kHost, kStamped, kSize, kColumnCount };

// Offsets in a payload.
constexpr std::size_t kSequenceAt = 0, kFirstDueAt = 8, kGapAt = 16, kBasesAt = 24, kWidthsAt = 80, kLengthsAt = 88;
static_assert(kBasesAt + kColumnCount * sizeof(std::int64_t) == kWidthsAt && kWidthsAt + kColumnCount <= kLengthsAt);

constexpr std::size_t kEventSize = 24;
constexpr int kLevel = 1;

std::uint64_t bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::int64_t due(const Packet& packet) { return minus(packet.tx_user, packet.lateness); }

// The gap between due times that fits a block best.
std::uint64_t gap_of(const std::vector<Packet>& packets) {
  const auto steps = static_cast<std::int64_t>(packets.back().sequence - packets.front().sequence);
  return steps <= 0 ? 0 : bits(minus(due(packets.back()), due(packets.front())) / steps);
}

}  // namespace

Packet Chunk::packet(std::size_t at) const {
  Packet packet;
  packet.sequence = sequence[at];
  packet.tx_user = minus(rx_user[at], transit[at]);
  packet.lateness = lateness[at];
  packet.rx_user = rx_user[at];
  packet.stamped = stamped[at] != 0;
  packet.rx_tc = packet.stamped ? minus(rx_user[at], host[at]) : 0;
  packet.size = size[at];
  return packet;
}

void BlockEncoder::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }
void BlockDecoder::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

BlockEncoder::BlockEncoder() : zstd_(ZSTD_createCCtx()) {
  if (!zstd_) throw std::bad_alloc();
}

BlockEncoder::~BlockEncoder() = default;

void BlockEncoder::start(const Order& order) {
  packets_.clear();
  events_.clear();
  order_ = order;
}

BlockEncoder::Block BlockEncoder::pack(std::uint32_t ordinal, std::uint32_t file) {
  payload_.assign(kLengthsAt, 0);
  lengths_.clear();
  planes_.clear();
  if (!packets_.empty()) {
    const std::uint64_t gap = gap_of(packets_);
    store(payload_, kSequenceAt, packets_.front().sequence);
    store(payload_, kFirstDueAt, due(packets_.front()));
    store(payload_, kGapAt, gap);
    const auto steps = [&](std::size_t i) { return i == 0 ? 1 : packets_[i].sequence - packets_[i - 1].sequence; };
    pack_column(kStep, [&](std::size_t i) { return steps(i) - 1; });
    pack_column(kDue, [&](std::size_t i) {
      return i == 0 ? 0 : bits(due(packets_[i])) - bits(due(packets_[i - 1])) - gap * steps(i);
    });
    pack_column(kLateness, [&](std::size_t i) { return bits(packets_[i].lateness); });
    pack_column(kTransit, [&](std::size_t i) { return bits(packets_[i].rx_user) - bits(packets_[i].tx_user); });
    pack_column(kHost, [&](std::size_t i) {
      return packets_[i].stamped ? bits(packets_[i].rx_user) - bits(packets_[i].rx_tc) : 0;
    });
    pack_column(kStamped, [&](std::size_t i) { return std::uint64_t{packets_[i].stamped}; });
    pack_column(kSize, [&](std::size_t i) { return std::uint64_t{packets_[i].size}; });
  }
  for (const std::uint32_t length : lengths_) {
    payload_.resize(payload_.size() + sizeof length);
    store(payload_, payload_.size() - sizeof length, length);
  }
  payload_.insert(payload_.end(), planes_.begin(), planes_.end());
  for (const auto& [position, event] : events_) {
    const std::size_t at = payload_.size();
    payload_.resize(at + kEventSize);
    store(payload_, at, position);
    store(payload_, at + 4, event.what);
    store(payload_, at + 8, event.number);
    store(payload_, at + 16, event.time);
  }
  BlockHeader header;
  header.payload_size = static_cast<std::uint32_t>(payload_.size());
  header.packets = static_cast<std::uint32_t>(packets_.size());
  header.events = static_cast<std::uint32_t>(events_.size());
  header.ordinal = ordinal;
  header.file = file;
  header.order = order_;
  return {header, payload_};
}

// Values less the least one, in as many bytes as the largest of them needs.
template <class Value>
void BlockEncoder::pack_column(std::size_t column, Value&& value) {
  values_.resize(packets_.size());
  for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = value(i);
  const auto [least, most] =
      std::ranges::minmax(values_, {}, [](std::uint64_t v) { return static_cast<std::int64_t>(v); });
  const auto width = (static_cast<std::size_t>(std::bit_width(most - least)) + 7) / 8;
  store(payload_, kBasesAt + column * sizeof least, least);
  payload_[kWidthsAt + column] = static_cast<std::uint8_t>(width);
  plane_.resize(values_.size());
  for (std::size_t byte = 0; byte < width; ++byte) {
    const std::size_t shift = 8 * byte;
    const std::uint64_t base = least;
    for (std::size_t i = 0; i < values_.size(); ++i)
      plane_[i] = static_cast<std::uint8_t>((values_[i] - base) >> shift);
    pack_plane(plane_);
  }
}

// Compressed where that saves a sixteenth, for it costs time to undo.
void BlockEncoder::pack_plane(std::span<const std::uint8_t> plane) {
  const std::size_t at = planes_.size();
  const std::size_t worth = plane.size() - plane.size() / 16 - 1;
  planes_.resize(at + plane.size());
  std::size_t length = ZSTD_compressCCtx(zstd_.get(), planes_.data() + at, worth, plane.data(), plane.size(), kLevel);
  if (ZSTD_isError(length)) {
    length = plane.size();
    std::ranges::copy(plane, planes_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  planes_.resize(at + length);
  lengths_.push_back(static_cast<std::uint32_t>(length));
}

BlockDecoder::BlockDecoder() : old_(std::make_unique<OldBlockDecoder>()), zstd_(ZSTD_createDCtx()) {
  if (!zstd_) throw std::bad_alloc();
}

BlockDecoder::~BlockDecoder() = default;

void BlockDecoder::open(std::uint16_t version, const BlockHeader& header, Bytes block) {
  is_old_ = version == 1;
  if (is_old_) return old_->open(header, block);
  bad_ = !read_directory(header, block.subspan(kBlockHeaderSize));
  for (std::size_t column = 0; column < kColumns && !bad_; ++column) bad_ = !unpack(column);
}

bool BlockDecoder::sequences(std::uint16_t version, const BlockHeader& header, Bytes block,
                             std::vector<SequenceRun>& runs) {
  runs.clear();
  is_old_ = version == 1;
  if (is_old_) return old_->sequences(header, block, runs);
  if (!read_directory(header, block.subspan(kBlockHeaderSize)) || !unpack(kStep)) return false;
  const Column& steps = columns_[kStep];
  if (packets_ == 0) return true;
  if (steps.width == 0 && steps.base == 0) {
    runs.push_back({sequence_ + 1, static_cast<std::uint32_t>(packets_)});
    return true;
  }
  std::array<std::uint64_t, Chunk::kMost> values;
  for (std::size_t from = 0; from < packets_; from += values.size()) {
    const std::size_t number = std::min(values.size(), packets_ - from);
    read(steps, from, number, values.data());
    for (std::size_t i = 0; i < number;) {
      sequence_ += values[i] + 1;
      if (values[i] != 0 || runs.empty()) runs.push_back({sequence_, 0});
      std::size_t next = i + 1;  // the first that does not follow
      while (next < number && values[next] == 0) ++next;
      runs.back().packets += static_cast<std::uint32_t>(next - i);
      sequence_ += next - i - 1;
      i = next;
    }
  }
  return true;
}

// Finds the columns' planes in the payload; unpacks none.
bool BlockDecoder::read_directory(const BlockHeader& header, Bytes payload) {
  payload_ = payload;
  packets_ = header.packets;
  events_ = header.events;
  at_ = 0;
  if (packets_ > kMaxPackets || events_ > kMaxEvents || payload.size() < kLengthsAt) return false;
  std::size_t planes = 0;
  for (std::size_t column = 0; column < kColumns; ++column) {
    columns_[column].base = load<std::uint64_t>(payload, kBasesAt + column * sizeof(std::uint64_t));
    columns_[column].width = payload[kWidthsAt + column];
    if (columns_[column].width > kMaxWidth) return false;
    planes += columns_[column].width;
  }
  std::size_t at = kLengthsAt + planes * sizeof(std::uint32_t);
  if (at > payload.size() || (packets_ == 0 && planes > 0)) return false;
  for (std::size_t column = 0, plane = 0; column < kColumns; ++column) {
    for (std::size_t byte = 0; byte < columns_[column].width; ++byte, ++plane) {
      const std::size_t length = load<std::uint32_t>(payload, kLengthsAt + plane * sizeof(std::uint32_t));
      if (length > packets_ || length > payload.size() - at) return false;
      packed_[column * kMaxWidth + byte] = payload.subspan(at, length);
      at += length;
    }
  }
  events_at_ = at;
  gap_ = load<std::uint64_t>(payload, kGapAt);
  sequence_ = load<std::uint64_t>(payload, kSequenceAt) - 1;
  due_ = load<std::uint64_t>(payload, kFirstDueAt) - gap_;
  return payload.size() - at == events_ * kEventSize;
}

// Makes a column's planes readable, where they lie or in `unpacked_`.
bool BlockDecoder::unpack(std::size_t column) {
  if (unpacked_.size() < packed_.size() * packets_) unpacked_.resize(packed_.size() * packets_);
  for (std::size_t byte = 0; byte < columns_[column].width; ++byte) {
    const std::size_t plane = column * kMaxWidth + byte;
    const Bytes packed = packed_[plane];
    if (packed.size() == packets_) {
      columns_[column].planes[byte] = packed.data();
      continue;
    }
    std::uint8_t* const to = unpacked_.data() + plane * packets_;
    if (ZSTD_decompressDCtx(zstd_.get(), to, packets_, packed.data(), packed.size()) != packets_) return false;
    columns_[column].planes[byte] = to;
  }
  return true;
}

namespace {

using Planes = const std::uint8_t* const*;

template <std::size_t kWidth>
void read_planes(Planes planes, std::size_t from, std::size_t number, std::uint64_t base, std::uint64_t* out) {
  const std::uint8_t* __restrict a = planes[0] + from;
  const std::uint8_t* __restrict b = planes[kWidth > 1 ? 1 : 0] + from;
  const std::uint8_t* __restrict c = planes[kWidth > 2 ? 2 : 0] + from;
  const std::uint8_t* __restrict d = planes[kWidth > 3 ? 3 : 0] + from;
  std::uint64_t* __restrict to = out;
  for (std::size_t i = 0; i < number; ++i) {
    std::uint32_t value = a[i];
    if constexpr (kWidth > 1) value |= std::uint32_t{b[i]} << 8;
    if constexpr (kWidth > 2) value |= std::uint32_t{c[i]} << 16;
    if constexpr (kWidth > 3) value |= std::uint32_t{d[i]} << 24;
    to[i] = base + value;
  }
}

}  // namespace

void BlockDecoder::read(const Column& column, std::size_t from, std::size_t number, std::uint64_t* out) {
  const Planes planes = column.planes.data();
  switch (column.width) {
    case 0: std::fill_n(out, number, column.base); return;
    case 1: return read_planes<1>(planes, from, number, column.base, out);
    case 2: return read_planes<2>(planes, from, number, column.base, out);
    case 3: return read_planes<3>(planes, from, number, column.base, out);
    default: read_planes<4>(planes, from, number, column.base, out);
  }
  for (std::size_t byte = 4; byte < column.width; ++byte) {  // rare: seconds of difference
    const std::uint8_t* plane = planes[byte] + from;
    for (std::size_t i = 0; i < number; ++i) out[i] += std::uint64_t{plane[i]} << (8 * byte);
  }
}

// How many packets come before the next event, or at all.
std::size_t BlockDecoder::packets_until_event() const {
  if (events_ == 0) return packets_ - at_;
  const std::size_t position = load<std::uint32_t>(payload_, events_at_);
  return position < at_ ? 0 : std::min(position, packets_) - at_;
}

void BlockDecoder::take_event(Chunk& chunk) {
  Event event;
  event.what = payload_[events_at_ + 4];
  event.number = load<std::uint64_t>(payload_, events_at_ + 8);
  event.time = load<std::int64_t>(payload_, events_at_ + 16);
  chunk.event = event;
  events_at_ += kEventSize;
  --events_;
}

BlockDecoder::Step BlockDecoder::next(Chunk& chunk) {
  if (is_old_) return old_->next(chunk);
  if (bad_) return Step::damaged;
  if (at_ == packets_ && events_ == 0) return Step::end;

  chunk.event.reset();
  const std::size_t before_event = packets_until_event();
  const std::size_t number = std::min(before_event, Chunk::kMost);
  chunk.packets = number;

  const auto column = [&](std::size_t which, auto& values) {
    read(columns_[which], at_, number, reinterpret_cast<std::uint64_t*>(values.data()));
  };
  column(kLateness, chunk.lateness);
  column(kTransit, chunk.transit);
  column(kHost, chunk.host);
  column(kDue, chunk.rx_user);
  const Column& steps = columns_[kStep];
  chunk.consecutive = steps.width == 0 && steps.base == 0;
  if (chunk.consecutive) {
    for (std::size_t i = 0; i < number; ++i) {
      due_ += gap_ + bits(chunk.rx_user[i]);
      chunk.rx_user[i] = static_cast<std::int64_t>(due_);
      chunk.sequence[i] = sequence_ + 1 + i;
    }
    sequence_ += number;
  } else {
    column(kStep, chunk.sequence);
    for (std::size_t i = 0; i < number; ++i) {
      const std::uint64_t step = chunk.sequence[i] + 1;
      chunk.sequence[i] = sequence_ += step;
      due_ += gap_ * step + bits(chunk.rx_user[i]);
      chunk.rx_user[i] = static_cast<std::int64_t>(due_);
    }
    chunk.consecutive =
        number > 0 && chunk.sequence[number - 1] - chunk.sequence[0] == number - 1 &&
        std::ranges::adjacent_find(chunk.sequence.begin(), chunk.sequence.begin() + static_cast<std::ptrdiff_t>(number),
                                   [](std::uint64_t a, std::uint64_t b) { return b != a + 1; }) ==
            chunk.sequence.begin() + static_cast<std::ptrdiff_t>(number);
  }
  for (std::size_t i = 0; i < number; ++i)
    chunk.rx_user[i] = plus(plus(chunk.rx_user[i], chunk.lateness[i]), chunk.transit[i]);

  std::array<std::uint64_t, Chunk::kMost> values;
  const Column& stamped = columns_[kStamped];
  chunk.all_stamped = stamped.width == 0 && stamped.base != 0;
  if (stamped.width == 0) {
    std::fill_n(chunk.stamped.begin(), number, std::uint8_t{stamped.base != 0});
  } else {
    column(kStamped, values);
    for (std::size_t i = 0; i < number; ++i) chunk.stamped[i] = values[i] != 0;
  }
  const Column& size = columns_[kSize];
  if (size.width == 0) {
    std::fill_n(chunk.size.begin(), number, static_cast<std::uint32_t>(size.base));
  } else {
    column(kSize, values);
    for (std::size_t i = 0; i < number; ++i) chunk.size[i] = static_cast<std::uint32_t>(values[i]);
  }

  at_ += number;
  if (number == before_event && events_ > 0) take_event(chunk);
  return Step::chunk;
}

}  // namespace paceline::record
