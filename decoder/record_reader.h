// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "decoder/flow_decoder.h"
#include "paceline/result.h"
#include "proto/record_format.h"

namespace paceline::decoder {

/// What a record file's last block holds.
struct RecordEnd {
  PacketFlowResult result;  // its statistics are empty
  ReceiverTime finished{};
  std::uint64_t lost_records = 0;
};

/// Reads a record file block by block, in constant memory. What is damaged is noted and passed over; no
/// length or number in the file is believed before it was checked.
class RecordReader {
 public:
  /// Throws FileError when the file cannot be read or has no usable head.
  explicit RecordReader(const std::filesystem::path& file);
  /// The same for bytes in memory, which must outlive the reader.
  explicit RecordReader(record::Bytes bytes);
  ~RecordReader();
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  const FlowStart& start() const { return start_; }
  nanoseconds created() const { return created_; }  // CLOCK_REALTIME, since 1970

  std::uint16_t version() const { return version_; }  // of the file's format

  /// A block of records that is undamaged as far as its checksum tells, for BlockDecoder.
  struct Block {
    record::BlockHeader header;
    record::Bytes bytes;       // header and payload; valid until the next call
    std::uint64_t offset = 0;  // in the file
    bool follows = false;      // directly on the block before: nothing is missing between them
  };
  /// nullopt at the end of the file, or of what of it has been written so far: then a later call goes on
  /// there.
  std::optional<Block> next();

  /// Of the file's last block, once next() found it.
  const std::optional<RecordEnd>& end() const { return end_; }

  /// Notes something that is wrong with the file.
  void note_damage(std::uint64_t offset, const std::string& what);
  /// What to note of a block whose checksum holds, but whose records BlockDecoder finds damaged.
  static constexpr const char* kNonsense = "a block's records make no sense; the rest of it is left out";
  /// Bytes that follow the last whole block: a block being written, or what a crash left of one.
  std::uint64_t unread_bytes() const;
  std::uint64_t offset() const { return offset_; }
  /// What was found wrong so far, the first 100 cases in words.
  std::vector<std::string> damage() const;

 private:
  bool fill(std::size_t wanted);
  void consume(std::size_t bytes);
  void read_head();
  void skip_to_marker(const std::string& why);
  bool another_file_begins() const;
  void note_joined();
  bool in_sequence(const record::BlockHeader& header, std::uint64_t offset);
  void read_tail(record::Bytes payload, std::uint64_t offset);
  record::Bytes buffered() const;

  std::string name_;
  int descriptor_ = -1;  // -1: bytes in memory
  record::Bytes rest_;   // of those
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t begin_ = 0;  // unread part of the buffer
  std::size_t size_ = 0;
  std::uint64_t offset_ = 0;  // in the file, of begin_

  std::uint16_t version_ = 0;
  std::uint32_t mark_ = 0;  // of this file's blocks
  FlowStart start_;
  nanoseconds created_{0};
  std::optional<RecordEnd> end_;
  std::uint32_t next_ordinal_ = 0;
  bool joined_ = false;                        // another file begins here: nothing after it is this one's
  std::optional<std::uint64_t> damaged_from_;  // while looking for the next marker
  std::string damaged_why_;
  std::vector<std::string> damage_;
  std::uint64_t damage_count_ = 0;
};

}  // namespace paceline::decoder
