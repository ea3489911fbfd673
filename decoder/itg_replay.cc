// SPDX-License-Identifier: MIT
#include "decoder/itg_replay.h"

#include "decoder/loss_runs.h"
#include "decoder/replay.h"

namespace paceline::decoder {

namespace {

/// Replays the file and counts runs of loss from packet `first` on.
std::pair<ItgFlow, Replay> replay_from(const std::filesystem::path& file, std::uint64_t first) {
  RecordReader reader(file);
  LossRuns losses(first);
  Replay replayed = replay(reader, {.on_arrival = [&](std::uint64_t sequence) { losses.arrived(sequence); }});
  const Sent& sent = replayed.result.sent;
  losses.finish(sent.packets + sent.omitted);
  ItgFlow flow{replayed.result, flow_start(reader.start()).time_since_epoch(), losses.runs()};
  return {std::move(flow), std::move(replayed)};
}

}  // namespace

std::pair<ItgFlow, Replay> replay_for_itg(const std::filesystem::path& file) {
  auto replayed = replay_from(file, 0);
  // How many packets the warm-up had is at the file's end.
  const std::uint64_t omitted = replayed.second.result.sent.omitted;
  return omitted == 0 ? std::move(replayed) : replay_from(file, omitted);
}

}  // namespace paceline::decoder
