// SPDX-License-Identifier: MIT
//
// A record file of any bytes: reading and replaying it must neither fail otherwise than by FileError nor take
// long.
#include <cstddef>
#include <cstdint>

#include "decoder/record_reader.h"
#include "decoder/replay.h"
#include "paceline/decoder.h"
#include "paceline/error.h"

namespace {

// An absurd time closes all of a flow's intervals, rightly; a flow of millions of them would only slow the
// fuzzer.
constexpr std::int64_t kMaxIntervals = 64;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    paceline::decoder::RecordReader reader(paceline::record::Bytes(data, size));
    const auto& spec = reader.start().spec;
    if (spec.duration / spec.interval > kMaxIntervals) return 0;
    paceline::RunResult run;
    run.flows.push_back(paceline::decoder::replay(reader).result);
    // One a time: rendering takes longer than reading does.
    if (size % 2 == 0)
      paceline::render_text(run);
    else
      paceline::render_json(run);
  } catch (const paceline::FileError&) {
  }
  return 0;
}
