// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "decoder/record_reader.h"
#include "paceline/decoder.h"

namespace paceline::decoder {

/// Who is told of what while a file is decoded; what is empty is not.
struct ReplayListener {
  IntervalHandler on_interval = {};
  nanoseconds step{0};                                          ///< length of these intervals; 0: the flow's own
  std::function<void(std::uint64_t sequence)> on_arrival = {};  ///< of each packet, copies included, in order
  std::size_t threads = 0;                                      ///< that decode, the caller's included; 0: one a CPU
};

/// paceline::replay() of a file that is open already, to its end. The same whatever the number of threads.
Replay replay(RecordReader& reader, const ReplayListener& listener = {});

/// When the recorded flow started, by the receiver's clock.
ReceiverTime flow_start(const FlowStart& start);

}  // namespace paceline::decoder
