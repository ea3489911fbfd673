// SPDX-License-Identifier: MIT
#include "decoder/replay.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "decoder/arrival_order.h"
#include "decoder/flow_decoder.h"
#include "decoder/plural.h"
#include "paceline/error.h"

namespace paceline {

namespace decoder {

namespace {

PacketObservation observation(const record::Packet& packet) {
  PacketObservation seen;
  seen.sequence = packet.sequence;
  seen.tx_user = SenderTime{nanoseconds{packet.tx_user}};
  seen.lateness = packet.lateness;
  if (packet.stamped) seen.rx_tc = ReceiverTime{nanoseconds{packet.rx_tc}};
  seen.rx_user = ReceiverTime{nanoseconds{packet.rx_user}};
  seen.size = packet.size;
  return seen;
}

// The decoder of the flow's own intervals, which make the result, and that of intervals of another length.
struct Decoders {
  FlowDecoder flow;
  std::optional<FlowDecoder> series;

  void packet(const PacketObservation& seen) {
    flow.packet(seen);
    if (series) series->packet(seen);
  }
  void count(Counted what, std::uint64_t number, ReceiverTime time) {
    flow.count(what, number, time);
    if (series) series->count(what, number, time);
  }
  void finish(std::optional<std::uint64_t> sent, ReceiverTime time) {
    flow.finish(sent, time);
    if (series) series->finish(sent, time);
  }
};

// Gives the decoders a block's records; the latest time seen, or `latest` itself.
ReceiverTime decode(const RecordReader::Block& block, Decoders& decoders, RecordReader& reader,
                    const ReplayListener& listener, ReceiverTime latest) {
  record::BlockDecoder records(block.header, block.payload);
  record::Packet packet;
  record::Event event;
  while (true) {
    switch (records.next(packet, event)) {
      case record::BlockDecoder::Step::packet:
        decoders.packet(observation(packet));
        if (listener.on_packet) listener.on_packet(packet);
        latest = std::max(latest, ReceiverTime{nanoseconds{packet.rx_user}});
        break;
      case record::BlockDecoder::Step::event: {
        const ReceiverTime time{nanoseconds{event.time}};
        decoders.count(static_cast<Counted>(event.what), event.number, time);
        latest = std::max(latest, time);
        break;
      }
      case record::BlockDecoder::Step::end: return latest;
      case record::BlockDecoder::Step::damaged:
        reader.note_damage(block.offset, "a block's records make no sense; the rest of it is left out");
        return latest;
    }
  }
}

// The flow's result before its intervals are added.
PacketFlowResult without_intervals(const RecordReader& reader, const FlowDecoder& decoder) {
  PacketFlowResult result;
  if (reader.end()) {
    result = reader.end()->result;
    result.received = {};
    result.first_arrival = result.last_arrival = result.smoothed_jitter = nanoseconds{0};
    result.intervals = 0;
    result.statistics = {};
  } else {
    result.stamping.hook = reader.start().hook;
  }
  result.clock.offset = reader.start().map.offset;  // the one in use, though the sender may not have come to tell
  result.flow_id = reader.start().flow_id;
  result.spec = reader.start().spec;
  result.duplicate_window = decoder.duplicate_window();
  return result;
}

void mark_incomplete(PacketFlowResult& result, const std::string& reason) {
  result.complete = false;
  result.incomplete_reason += (result.incomplete_reason.empty() ? "" : "; ") + reason;
}

std::string utc(nanoseconds since_1970) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(since_1970).count();
  std::tm parts{};
  char text[sizeof "2000-01-01T00:00:00Z"];
  if (gmtime_r(&seconds, &parts) == nullptr || std::strftime(text, sizeof text, "%FT%TZ", &parts) == 0) return {};
  return text;
}

}  // namespace

// What the file may say is absurd, so this wraps.
ReceiverTime flow_start(const FlowStart& start) {
  const std::int64_t back = difference(0, start.map.offset.count());
  return ReceiverTime{nanoseconds{difference(start.start.time_since_epoch().count(), back)}};
}

Replay replay(RecordReader& reader, const ReplayListener& listener) {
  PacketFlowResult total;
  total.spec = reader.start().spec;
  const auto tell = [&](const PacketInterval& interval) {
    if (listener.on_interval) listener.on_interval(interval, reader.start().spec);
  };
  const bool other_step = listener.step > nanoseconds{0};
  Decoders decoders{FlowDecoder(reader.start(),
                                [&](PacketInterval&& interval) {
                                  accumulate(total, interval);
                                  if (!other_step) tell(interval);
                                }),
                    std::nullopt};
  if (other_step) {
    FlowStart start = reader.start();
    start.step = listener.step;
    decoders.series.emplace(start, [&](PacketInterval&& interval) { tell(interval); });
  }
  ReceiverTime latest = ReceiverTime::min();
  while (const auto block = reader.next()) latest = decode(*block, decoders, reader, listener, latest);

  const auto& end = reader.end();
  const std::uint64_t sent = end ? end->result.sent.packets + end->result.sent.omitted : 0;
  if (latest == ReceiverTime::min()) latest = flow_start(reader.start());
  decoders.finish(sent > 0 ? std::optional(sent) : std::nullopt, end ? end->finished : latest);

  Replay replayed;
  PacketFlowResult& result = replayed.result;
  result = without_intervals(reader, decoders.flow);
  result.received = total.received;
  result.statistics = std::move(total.statistics);
  result.first_arrival = total.first_arrival;
  result.last_arrival = total.last_arrival;
  result.smoothed_jitter = total.smoothed_jitter;
  result.intervals = total.intervals;

  if (!end) {
    reader.note_damage(reader.offset(), reader.unread_bytes() > 0
                                            ? "the file ends within a block: its writer crashed, or is at work"
                                            : "the last block is missing: the writer crashed, or is at work");
    mark_incomplete(result, "the record file has no end");
  } else if (end->lost_records > 0) {
    mark_incomplete(result, "the record file lacks " + plural(end->lost_records, "record") +
                                " that its writer could not keep up with or had no room for; packets among them "
                                "count as lost");
  }
  replayed.recorded_at = utc(reader.created());
  replayed.damage = reader.damage();
  if (end && replayed.damage.empty() && end->lost_records == 0 && result.received != end->result.received)
    replayed.damage.push_back("what the receiver counted differs from what the records hold");
  if (end && !replayed.damage.empty())
    mark_incomplete(result, "the record file is damaged; what is missing counts as lost");
  return replayed;
}

}  // namespace decoder

Replay replay(const std::filesystem::path& file, const IntervalHandler& on_interval) {
  decoder::RecordReader reader(file);
  return decoder::replay(reader, {.on_interval = on_interval});
}

Replay replay(const std::filesystem::path& file, nanoseconds step, const IntervalHandler& on_interval) {
  if (step < std::chrono::microseconds(1))
    throw UsageError("the series' step is " + std::to_string(step.count()) + " ns: it must be a microsecond at least");
  decoder::RecordReader reader(file);
  return decoder::replay(reader, {.on_interval = on_interval, .step = step});
}

}  // namespace paceline
