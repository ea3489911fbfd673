// SPDX-License-Identifier: MIT
#include "proto/record_version1.h"

#include <memory>

#include "proto/record_bytes.h"

namespace paceline::record {

namespace {

// Offsets of the base in a block's header.
constexpr std::size_t kSequenceAt = 24, kDueAt = 32, kGapAt = 40, kRxUserAt = 48, kTransitAt = 56, kSizeAt = 96;

// Bits of a record's first byte.
constexpr std::uint8_t kJump = 1, kSize = 2, kStamp = 4, kUnknown = 0x78, kEvent = 0x80;
constexpr int kMaxVarint = 10;

}  // namespace

void OldBlockDecoder::open(const BlockHeader& header, Bytes block) {
  rest_ = block.subspan(kOldBlockHeaderSize);
  records_left_ = header.packets;
  last_.sequence = load<std::uint64_t>(block, kSequenceAt) - 1;
  last_.gap = load<std::int64_t>(block, kGapAt);
  last_.due = minus(load<std::int64_t>(block, kDueAt), last_.gap);
  last_.rx_user = load<std::int64_t>(block, kRxUserAt);
  last_.transit = load<std::int64_t>(block, kTransitAt);
  last_.size = load<std::uint32_t>(block, kSizeAt);
  bad_ = false;
}

OldBlockDecoder::Step OldBlockDecoder::next(Chunk& chunk) {
  chunk.packets = 0;
  chunk.event.reset();
  chunk.consecutive = chunk.all_stamped = true;
  while (!bad_ && records_left_ > 0 && chunk.packets < Chunk::kMost && !chunk.event) {
    if (rest_.empty()) {
      bad_ = true;
      break;
    }
    --records_left_;
    const std::uint8_t flags = rest_.front();
    rest_ = rest_.subspan(1);
    if (flags & kEvent) {
      read_event(flags & static_cast<std::uint8_t>(~kEvent), chunk);
    } else {
      read_packet(flags, chunk);
    }
  }
  if (chunk.packets > 0 || chunk.event) return Step::chunk;
  return bad_ || !rest_.empty() ? Step::damaged : Step::end;
}

void OldBlockDecoder::read_event(std::uint8_t what, Chunk& chunk) {
  Event event;
  event.what = what;
  event.number = get();
  event.time = plus(last_.rx_user, get_signed());
  if (!bad_) chunk.event = event;
}

void OldBlockDecoder::read_packet(std::uint8_t flags, Chunk& chunk) {
  const std::uint64_t steps = flags & kJump ? static_cast<std::uint64_t>(get_signed()) + 1 : 1;
  const std::int64_t due = plus(plus(last_.due, times(last_.gap, steps)), get_signed());
  const std::int64_t lateness = get_signed();
  const std::int64_t transit = plus(last_.transit, get_signed());
  const bool stamped = flags & kStamp;
  const std::int64_t host = stamped ? get_signed() : 0;
  if (flags & kSize) last_.size = static_cast<std::uint32_t>(get());
  bad_ |= (flags & kUnknown) != 0;
  if (bad_) return;

  if (steps == 1) last_.gap = minus(due, last_.due);
  last_.sequence += steps;
  last_.due = due;
  last_.transit = transit;
  last_.rx_user = plus(plus(due, lateness), transit);

  const std::size_t at = chunk.packets++;
  chunk.consecutive &= at == 0 || steps == 1;
  chunk.all_stamped &= stamped;
  chunk.sequence[at] = last_.sequence;
  chunk.rx_user[at] = last_.rx_user;
  chunk.transit[at] = transit;
  chunk.lateness[at] = lateness;
  chunk.host[at] = host;
  chunk.size[at] = last_.size;
  chunk.stamped[at] = stamped;
}

bool OldBlockDecoder::sequences(const BlockHeader& header, Bytes block, std::vector<SequenceRun>& runs) {
  const auto chunk = std::make_unique_for_overwrite<Chunk>();
  open(header, block);
  Step step = next(*chunk);
  for (; step == Step::chunk; step = next(*chunk)) {
    for (std::size_t i = 0; i < chunk->packets; ++i) {
      const std::uint64_t sequence = chunk->sequence[i];
      if (!runs.empty() && sequence == runs.back().first + runs.back().packets) {
        ++runs.back().packets;
      } else {
        runs.push_back({sequence, 1});
      }
    }
  }
  return step == Step::end;
}

std::uint64_t OldBlockDecoder::get() {
  std::uint64_t value = 0;
  for (int i = 0; i < kMaxVarint && !rest_.empty(); ++i) {
    const std::uint64_t byte = rest_.front();
    rest_ = rest_.subspan(1);
    value |= (byte & 0x7F) << (7 * i);
    if (byte < 0x80) return value;
  }
  bad_ = true;
  return 0;
}

std::int64_t OldBlockDecoder::get_signed() {
  const std::uint64_t value = get();
  return static_cast<std::int64_t>(value >> 1 ^ (0 - (value & 1)));
}

}  // namespace paceline::record
