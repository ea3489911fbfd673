// SPDX-License-Identifier: MIT
#include "decoder/record_span.h"

namespace paceline::decoder {

namespace {

// A span is a few milliseconds' work, so that handing it over costs nothing beside it.
constexpr std::uint64_t kPackets = std::uint64_t{1} << 18;
constexpr std::size_t kBytes = std::size_t{1} << 21;

}  // namespace

void Span::clear() {
  bytes.clear();
  blocks.clear();
  odd.clear();
  parts.clear();
  damage.clear();
  error = nullptr;
}

bool SpanReader::read(Span& span) {
  span.clear();
  std::uint64_t packets = 0;
  while (packets < kPackets && span.bytes.size() < kBytes) {
    const auto block = reader_.next();
    if (!block) break;
    whole_ = whole_ && block->follows;
    SpanBlock& taken = span.blocks.emplace_back();
    taken.header = block->header;
    taken.begin = span.bytes.size();
    taken.size = block->bytes.size();
    taken.offset = block->offset;
    taken.follows = whole_ && block->header.ordinal > 0;
    span.bytes.insert(span.bytes.end(), block->bytes.begin(), block->bytes.end());
    judge(taken, span);
    packets += block->header.packets;
  }
  return !span.blocks.empty();
}

void SpanReader::judge(SpanBlock& block, Span& span) {
  block.next_expected = order_.next_expected();
  block.odd = span.odd.size();
  const auto bytes = record::Bytes(span.bytes).subspan(block.begin, block.size);
  records_.sequences(reader_.version(), block.header, bytes, runs_);  // who decodes it tells of damage
  std::uint32_t packet = 0;
  for (const auto& [first, packets] : runs_) {
    if (on_arrival) {
      for (std::uint64_t i = 0; i < packets; ++i) on_arrival(first + i);
    }
    std::uint64_t i = order_.arrive_run(first, packets);
    for (; i < packets; ++i) {
      const ArrivalOrder::Kind kind = order_.arrive(first + i);
      if (kind != ArrivalOrder::Kind::in_order) span.odd.push_back({packet + static_cast<std::uint32_t>(i), kind});
    }
    packet += packets;
  }
  block.odd_end = span.odd.size();
}

}  // namespace paceline::decoder
