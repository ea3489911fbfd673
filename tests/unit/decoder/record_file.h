// SPDX-License-Identifier: MIT
//
// Record files of test streams.
#pragma once

#include <bit>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "decoder/record_writer.h"
#include "tests/unit/decoder/stream.h"
#include "tests/unit/temporary_directory.h"

namespace paceline::decoder::testing {

/// A name for a file that does not exist yet; what was made under it goes in the end.
class TemporaryFile {
 public:
  std::filesystem::path path() const { return directory_.path() / "flow.paceline"; }
  std::vector<std::uint8_t> read() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::vector<std::uint8_t>& bytes) const {
    std::ofstream file(path(), std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }

 private:
  TemporaryDirectory directory_;
};

/// The result that a receiver makes of its intervals, path and all.
inline PacketFlowResult live_result(const Stream& stream, const std::vector<PacketInterval>& intervals) {
  PacketFlowResult result = total_of(intervals);
  result.flow_id = stream.start.flow_id;
  result.spec = stream.start.spec;
  result.path.dialled = "192.0.2.7:30899";
  result.complete = true;
  result.sent.packets = stream.sent;
  result.sent.lateness = result.statistics.segments[3];
  result.duplicate_window = FlowDecoder(stream.start, [](PacketInterval&&) {}).duplicate_window();
  result.socket_flows = 1;
  result.stamping.hook = stream.start.hook;
  result.clock.verdict = ClockVerdict::estimated;
  result.clock.offset = stream.start.map.offset;
  return result;
}

/// The stream through a real writer, for which all of it may wait; what finish() answers.
inline std::string write_record(const std::filesystem::path& path, const Stream& stream, const PacketFlowResult& result,
                                std::size_t packets_in_a_block = 700) {
  const RecordLimits limits{
      .packets = packets_in_a_block, .age = std::chrono::hours(1), .waiting = std::bit_ceil(stream.calls.size() + 1)};
  RecordWriter writer(path, stream.start, limits);
  for (const Call& call : stream.calls) feed(writer, call);
  return writer.finish(result, stream.finished);
}

}  // namespace paceline::decoder::testing
