// SPDX-License-Identifier: MIT
#include "decoder/span_decoder.h"

#include <algorithm>
#include <limits>
#include <span>

namespace paceline::decoder {

namespace {

static_assert(kSegmentCount == 4, "each segment is recorded below, in the order of kSegments");
enum { kDelay, kDelayFromDue, kNetwork, kHost, kIpdv, kJitter };

std::int64_t sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

Statistics take(std::array<Histogram, kSegmentCount + 2>& measures) {
  Statistics taken;
  for (std::size_t i = 0; i < kSegmentCount; ++i) taken.segments[i] = measures[i].take();
  taken.ipdv = measures[kIpdv].take();
  taken.jitter = measures[kJitter].take();
  return taken;
}

}  // namespace

SpanDecoder::SpanDecoder(std::uint16_t version, const FlowStart& start, const std::optional<IntervalGrid>& rows,
                         bool rows_wanted)
    : version_(version),
      clock_offset_(start.map.offset.count()),
      stamps_(start.hook != Hook::none),
      omit_(start.spec.omit),
      intervals_(start),
      rows_(rows),
      rows_wanted_(rows_wanted),
      chunk_(std::make_unique_for_overwrite<record::Chunk>()) {}

void SpanDecoder::decode(Span& span) {
  part_ = nullptr;
  cut_ = std::numeric_limits<std::int64_t>::min();  // the first time of all begins a part
  span.latest = std::numeric_limits<std::int64_t>::min();
  for (const SpanBlock& block : span.blocks) decode_block(block, &block == &span.blocks.front(), span);
  if (part_ != nullptr) end_part();
  span.end = order_;
}

void SpanDecoder::decode_block(const SpanBlock& block, bool first, Span& span) {
  if (!first && block.follows && !same_place(order_, block.header.order))
    span.damage.emplace_back(block.offset, kContradiction);
  order_ = block.header.order;
  order_.next_expected = block.next_expected;
  odd_ = block.odd;
  before_chunk_ = 0;
  records_.open(version_, block.header, record::Bytes(span.bytes).subspan(block.begin, block.size));
  auto step = records_.next(*chunk_);
  for (; step == record::BlockDecoder::Step::chunk; step = records_.next(*chunk_)) {
    decode_chunk(block, span);
    before_chunk_ += static_cast<std::uint32_t>(chunk_->packets);
  }
  if (step == record::BlockDecoder::Step::damaged) span.damage.emplace_back(block.offset, RecordReader::kNonsense);
}

// Takes the chunk's packets in runs of distinct ones of the same interval.
void SpanDecoder::decode_chunk(const SpanBlock& block, Span& span) {
  const std::size_t packets = chunk_->packets;
  std::int64_t latest = span.latest;
  for (std::size_t i = 0; i < packets; ++i) latest = std::max(latest, chunk_->rx_user[i]);
  span.latest = latest;

  for (std::size_t at = 0; at < packets;) {
    std::size_t odd = odd_;  // the next one that is not distinct
    while (odd < block.odd_end && span.odd[odd].kind == ArrivalOrder::Kind::reordered) ++odd;
    const std::size_t excluded =
        odd < block.odd_end ? std::min<std::size_t>(span.odd[odd].packet - before_chunk_, packets) : packets;
    const std::size_t end = until_cut(at, std::min(excluded + 1, packets));
    if (end == at) {
      begin_part(intervals_.elapsed(chunk_->rx_user[at]), span);
      continue;
    }
    const std::size_t distinct = std::min(end, excluded);
    arrived(span, at, distinct, block.odd_end);
    at = end;
    if (end > excluded) count_odd(span.odd[odd_++].kind);
  }
  if (!chunk_->event) return;
  const record::Event& event = *chunk_->event;
  span.latest = std::max(span.latest, event.time);
  const std::int64_t elapsed = intervals_.elapsed(event.time);
  if (elapsed >= cut_) begin_part(elapsed, span);
  count(static_cast<Counted>(event.what), event.number, part_->received);
}

// The first packet that does not belong to the open part.
std::size_t SpanDecoder::until_cut(std::size_t from, std::size_t to) {
  if (part_ != nullptr && cut_ == IntervalGrid::kNever) return to;
  const std::int64_t* const rx_user = chunk_->rx_user.data();
  std::uint64_t beyond = 0;  // mostly there is none, which is found out at once for all
  for (std::size_t i = from; i < to; ++i) beyond |= std::uint64_t{intervals_.elapsed(rx_user[i]) >= cut_};
  if (beyond == 0) return to;
  while (intervals_.elapsed(rx_user[from]) < cut_) ++from;
  return from;
}

void SpanDecoder::begin_part(std::int64_t elapsed, Span& span) {
  const SpanPart* before = nullptr;
  if (part_ != nullptr) {
    end_part();
    before = &span.parts.back();
  }
  const std::uint64_t interval = std::max(intervals_.index_at(elapsed), before ? before->interval : 0);
  const std::uint64_t row = rows_ ? std::max(rows_->index_at(elapsed), before ? before->row : 0) : 0;
  part_ = &span.parts.emplace_back();
  part_->interval = interval;
  part_->row = row;
  cut_ = intervals_.end_of(interval);
  if (rows_) cut_ = std::min(cut_, rows_->end_of(row));
  omitted_ = nanoseconds{static_cast<std::int64_t>(interval) * intervals_.length} < omit_;
}

void SpanDecoder::end_part() {
  part_->next_expected = order_.next_expected;
  part_->scaled_jitter = order_.scaled_jitter;
  if (!rows_wanted_) return;
  part_->statistics = take(row_);
  if (omitted_) return;
  for (std::size_t i = 0; i < kSegmentCount; ++i) total_[i].add(part_->statistics.segments[i]);
  total_[kIpdv].add(part_->statistics.ipdv);
  total_[kJitter].add(part_->statistics.jitter);
}

Statistics SpanDecoder::take_total() { return take(total_); }

void SpanDecoder::count_odd(ArrivalOrder::Kind kind) {
  switch (kind) {
    case ArrivalOrder::Kind::duplicate: ++part_->received.duplicated; return;
    case ArrivalOrder::Kind::beyond_window: ++part_->received.beyond_window; return;
    case ArrivalOrder::Kind::impossible: ++part_->received.invalid; return;
    case ArrivalOrder::Kind::in_order:
    case ArrivalOrder::Kind::reordered: return;  // these are distinct
  }
}

// A run of distinct packets, of which some may be late.
void SpanDecoder::arrived(const Span& span, std::size_t from, std::size_t to, std::size_t odd_end) {
  if (from == to) return;
  Received& received = part_->received;
  if (received.packets == 0) part_->first_arrival = intervals_.elapsed(chunk_->rx_user[from]);
  part_->last_arrival = intervals_.elapsed(chunk_->rx_user[to - 1]);
  received.packets += to - from;
  for (std::size_t i = from; i < to; ++i) received.bytes += chunk_->size[i];

  if (odd_ == odd_end || span.odd[odd_].packet >= before_chunk_ + to) {
    order_.next_expected = chunk_->sequence[to - 1] + 1;
  } else {
    for (std::size_t i = from; i < to; ++i)
      order_.next_expected = std::max(order_.next_expected, chunk_->sequence[i] + 1);
    for (; odd_ < odd_end && span.odd[odd_].packet < before_chunk_ + to; ++odd_)
      part_->late.push_back(chunk_->sequence[span.odd[odd_].packet - before_chunk_]);
  }
  measure(from, to);
}

void SpanDecoder::record(std::size_t what, const std::int64_t* values, std::size_t number) {
  if (rows_wanted_) {
    row_[what].record({values, number});
  } else if (!omitted_) {
    total_[what].record({values, number});
  }
}

void SpanDecoder::measure(std::size_t from, std::size_t to) {
  const record::Chunk& chunk = *chunk_;
  const std::size_t number = to - from;
  const std::int64_t* const transit = chunk.transit.data() + from;
  const std::int64_t* const lateness = chunk.lateness.data() + from;
  for (std::size_t i = 0; i < number; ++i) delay_[i] = difference(transit[i], clock_offset_);
  record(kDelay, delay_.data(), number);
  for (std::size_t i = 0; i < number; ++i) values_[i] = sum(delay_[i], lateness[i]);
  record(kDelayFromDue, values_.data(), number);
  if (stamps_) measure_stamped(from, to);
  measure_variation(from, to);
}

void SpanDecoder::measure_stamped(std::size_t from, std::size_t to) {
  const record::Chunk& chunk = *chunk_;
  const std::size_t number = to - from;
  const std::int64_t* const host = chunk.host.data() + from;
  if (chunk.all_stamped) {
    part_->received.stamped += number;
    for (std::size_t i = 0; i < number; ++i) values_[i] = difference(delay_[i], host[i]);
    record(kNetwork, values_.data(), number);
    record(kHost, host, number);
    return;
  }
  const std::uint8_t* const stamped = chunk.stamped.data() + from;
  std::size_t used = 0;
  for (std::size_t i = 0; i < number; ++i) {
    values_[used] = difference(delay_[i], host[i]);
    used += stamped[i];
  }
  part_->received.stamped += used;
  part_->received.missed += number - used;
  record(kNetwork, values_.data(), used);
  used = 0;
  for (std::size_t i = 0; i < number; ++i) {
    values_[used] = host[i];
    used += stamped[i];
  }
  record(kHost, values_.data(), used);
}

// As ArrivalOrder::vary() for each.
void SpanDecoder::measure_variation(std::size_t from, std::size_t to) {
  const record::Chunk& chunk = *chunk_;
  const std::int64_t* const transit = chunk.transit.data();
  const std::size_t first = order_.any ? from : from + 1;  // of those that have one before
  if (first > from) delay_[0] = 0;
  if (order_.any) delay_[0] = difference(transit[from], order_.previous_transit);
  for (std::size_t i = from + 1; i < to; ++i) delay_[i - from] = difference(transit[i], transit[i - 1]);
  const std::int64_t* const change = delay_.data() + (first - from);
  const std::size_t number = to - first;

  std::uint64_t jitter = order_.scaled_jitter;
  for (std::size_t i = 0; i < number; ++i) {
    values_[i] = magnitude(change[i]);
    jitter = ArrivalOrder::smoothed(jitter, change[i]);
  }
  order_.scaled_jitter = jitter;
  record(kJitter, values_.data(), number);

  const bool follows = order_.any && chunk.sequence[from] == order_.previous_sequence + 1;
  if (chunk.consecutive) {
    const std::size_t skip = order_.any && !follows ? 1 : 0;
    record(kIpdv, change + skip, number - skip);
  } else {
    std::size_t used = 0;
    for (std::size_t i = first; i < to; ++i) {
      values_[used] = change[i - first];
      used += i == from ? follows : chunk.sequence[i] == chunk.sequence[i - 1] + 1;
    }
    record(kIpdv, values_.data(), used);
  }
  order_.any = true;
  order_.previous_sequence = chunk.sequence[to - 1];
  order_.previous_transit = transit[to - 1];
}

}  // namespace paceline::decoder
