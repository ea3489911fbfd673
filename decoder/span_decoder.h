// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "decoder/histogram.h"
#include "decoder/interval_book.h"
#include "decoder/record_span.h"

namespace paceline::decoder {

/// Decodes spans into parts, as FlowDecoder does packets into intervals. Each thread has its own.
class SpanDecoder {
 public:
  /// `rows`: also cut parts where the intervals of a series begin. `rows_wanted`: parts have statistics of their own.
  SpanDecoder(std::uint16_t version, const FlowStart& start, const std::optional<IntervalGrid>& rows, bool rows_wanted);

  /// Fills in the span's results. Throws std::bad_alloc.
  void decode(Span& span);

  /// The statistics of all that was decoded, the warm-up left out.
  Statistics take_total();

 private:
  using Measures = std::array<Histogram, kSegmentCount + 2>;  // the segments, IPDV, jitter

  void decode_block(const SpanBlock& block, bool first, Span& span);
  void decode_chunk(const SpanBlock& block, Span& span);
  std::size_t until_cut(std::size_t from, std::size_t to);
  void begin_part(std::int64_t elapsed, Span& span);
  void end_part();
  void count_odd(ArrivalOrder::Kind kind);
  void arrived(const Span& span, std::size_t from, std::size_t to, std::size_t odd_end);
  void measure(std::size_t from, std::size_t to);
  void measure_stamped(std::size_t from, std::size_t to);
  void measure_variation(std::size_t from, std::size_t to);
  void record(std::size_t what, const std::int64_t* values, std::size_t number);

  std::uint16_t version_;
  std::int64_t clock_offset_;
  bool stamps_;  // are expected
  nanoseconds omit_;
  IntervalGrid intervals_;
  std::optional<IntervalGrid> rows_;
  bool rows_wanted_;

  record::BlockDecoder records_;
  std::unique_ptr<record::Chunk> chunk_;
  std::uint32_t before_chunk_ = 0;  // packets of the block before the chunk's first
  std::size_t odd_ = 0;             // the next odd arrival, among the span's

  SpanPart* part_ = nullptr;  // the open one
  std::int64_t cut_ = 0;      // when it ends, elapsed
  bool omitted_ = false;
  record::Order order_;
  Measures row_, total_;
  std::array<std::int64_t, record::Chunk::kMost> delay_, values_;
};

}  // namespace paceline::decoder
