// SPDX-License-Identifier: MIT
//
// Blocks of version 1 of the record file's format: read, no longer written. proto/RECORDS.md draws them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proto/record_columns.h"

namespace paceline::record {

/// As BlockDecoder, which uses it.
class OldBlockDecoder {
 public:
  using Step = BlockDecoder::Step;

  void open(const BlockHeader& header, Bytes block);
  Step next(Chunk& chunk);
  bool sequences(const BlockHeader& header, Bytes block, std::vector<SequenceRun>& runs);

 private:
  // What a packet is predicted from: the one before, at first the block's base.
  struct Base {
    std::uint64_t sequence = 0;
    std::int64_t due = 0;
    std::int64_t gap = 0;
    std::int64_t rx_user = 0;
    std::int64_t transit = 0;
    std::uint32_t size = 0;
  };
  void read_event(std::uint8_t what, Chunk& chunk);
  void read_packet(std::uint8_t flags, Chunk& chunk);
  std::uint64_t get();
  std::int64_t get_signed();

  Bytes rest_;
  std::uint64_t records_left_ = 0;
  Base last_;
  bool bad_ = false;
};

}  // namespace paceline::record
