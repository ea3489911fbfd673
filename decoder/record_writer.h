// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "decoder/flow_decoder.h"
#include "decoder/observation.h"
#include "paceline/result.h"

namespace paceline::decoder {

/// Writes a flow's record file from a thread of its own: what the packet path hands over waits in a fixed
/// ring; when the disk does not keep up, or when more packets come than a flow with copies of them all can
/// account for, records are lost and counted, never packets. proto/README.md has the format.
class RecordWriter {
 public:
  /// Creates the file (never overwrites) and writes its head. Throws FileError.
  RecordWriter(const std::filesystem::path& file, const FlowStart& start);
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

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paceline::decoder
