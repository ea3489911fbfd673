// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "decoder/flow_decoder.h"
#include "decoder/observation.h"
#include "decoder/record_output.h"
#include "paceline/result.h"

namespace paceline::decoder {

struct RecordLimits {
  std::size_t packets = 8192;                                     // a block is written with so many,
  std::chrono::nanoseconds age = std::chrono::milliseconds(500);  // or when its first record is so old
  std::uint64_t waiting = 0;  // records that may wait for the writer, a power of 2; 0: as the flow's rate asks for
};

/// An empty file of this name, which was free. Throws FileError.
RecordOutput create_record_file(const std::filesystem::path& path);

/// Writes a flow's record file from a thread of its own: what the packet path hands over waits in a fixed
/// ring; when the disk does not keep up, or when more packets come than a flow with copies of them all can
/// account for, records are lost and counted, never packets. What was written survives the process, whatever ends it;
/// it is never waited for until it is on the disk's platters (fsync). proto/RECORDS.md has the format.
class RecordWriter {
 public:
  /// Creates the file (never overwrites) and writes its head. Throws FileError.
  RecordWriter(const std::filesystem::path& file, const FlowStart& start, const RecordLimits& limits = {});
  /// Writes the head of a file that is there. Throws FileError.
  RecordWriter(RecordOutput output, const FlowStart& start, const RecordLimits& limits = {});
  ~RecordWriter();  // without finish(): the file ends as after a crash, readable up to there
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  /// From one thread (the packet path): no lock, no allocation, no system call.
  void packet(const PacketObservation& packet);
  void count(Counted what, std::uint64_t number, ReceiverTime now);

  /// Drains the ring, writes the tail (`result` without its statistics, and when the decoder was finished)
  /// and closes the file. Returns the error that befell the file, empty if none: "write /x/y: No space left
  /// on device".
  std::string finish(const PacketFlowResult& result, ReceiverTime finished);

  std::uint64_t lost_records() const;

  /// Whether records were left out because the output's allowance was used up; they are lost records, too.
  bool cut_short() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paceline::decoder
