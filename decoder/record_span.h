// SPDX-License-Identifier: MIT
//
// A record file is replayed in spans of consecutive blocks, in three steps. In the file's order: SpanReader reads a
// span and judges which of its packets are new, late or copies. In any order, and at once: SpanDecoder decodes spans
// into parts, each of an interval. In the file's order again: replay() puts the parts together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "decoder/arrival_order.h"
#include "decoder/record_reader.h"
#include "paceline/result.h"
#include "proto/record_columns.h"

namespace paceline::decoder {

inline constexpr const char* kContradiction = "a block does not go on where the one before it ended";

/// A packet that is not one more in order.
struct OddArrival {
  std::uint32_t packet = 0;  // its place among the block's packets
  ArrivalOrder::Kind kind{};
};

/// Whether a decoder that stands at the one may go on from the other; packets that are missing aside.
inline bool same_place(const record::Order& a, const record::Order& b) {
  return a.any == b.any && a.previous_sequence == b.previous_sequence && a.previous_transit == b.previous_transit &&
         a.scaled_jitter == b.scaled_jitter;
}

/// What a span holds of an interval.
struct SpanPart {
  std::uint64_t interval = 0;                        // of the flow
  std::uint64_t row = 0;                             // of the series, when there is one of another step
  Received received;                                 // without `lost`
  std::int64_t first_arrival = 0, last_arrival = 0;  // elapsed; of distinct packets
  std::uint64_t next_expected = 0;                   // at its end
  std::uint64_t scaled_jitter = 0;
  std::vector<std::uint64_t> late;  // sequence numbers of reordered packets
  Statistics statistics;            // when rows are wanted
};

struct SpanBlock {
  record::BlockHeader header;
  std::size_t begin = 0, size = 0;   // in the span's bytes
  std::uint64_t offset = 0;          // in the file
  bool follows = false;              // nothing is missing in the file before it
  std::uint64_t next_expected = 0;   // before it
  std::size_t odd = 0, odd_end = 0;  // its arrivals among the span's
};

struct Span {
  std::vector<std::uint8_t> bytes;
  std::vector<SpanBlock> blocks;
  std::vector<OddArrival> odd;

  std::vector<SpanPart> parts;
  std::int64_t latest = 0;                                    // the latest time in it, by the receiver's clock
  record::Order end;                                          // where a decoder stands after it; next_expected aside
  std::vector<std::pair<std::uint64_t, std::string>> damage;  // offsets, and what is wrong there
  std::exception_ptr error;

  void clear();
};

class SpanReader {
 public:
  explicit SpanReader(RecordReader& reader) : reader_(reader), order_(reader.start().spec) {}

  /// Called with each sequence number, in order of arrival, if set.
  std::function<void(std::uint64_t)> on_arrival;

  /// The next span; false at the file's end.
  bool read(Span& span);
  std::uint64_t duplicate_window() const { return order_.window(); }

 private:
  void judge(SpanBlock& block, Span& span);

  RecordReader& reader_;
  ArrivalOrder order_;
  record::BlockDecoder records_;
  std::vector<record::SequenceRun> runs_;
  bool whole_ = true;  // nothing was missing so far
};

}  // namespace paceline::decoder
