// SPDX-License-Identifier: MIT
#include "decoder/replay.h"

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>

#include "decoder/arrival_order.h"
#include "decoder/flow_decoder.h"
#include "decoder/interval_book.h"
#include "decoder/plural.h"
#include "decoder/record_span.h"
#include "decoder/span_decoders.h"
#include "paceline/error.h"

namespace paceline {

namespace decoder {

namespace {

// The flow's result before its intervals are added.
PacketFlowResult without_intervals(const RecordReader& reader, std::uint64_t duplicate_window) {
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
  result.duplicate_window = duplicate_window;
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

// Puts spans' parts together, in their order, to a flow's intervals.
class Assembly {
 public:
  Assembly(const FlowStart& start, std::uint64_t SpanPart::*place, FlowDecoder::IntervalSink sink)
      : place_(place), book_(start, std::move(sink), [this](PacketInterval& closing) { fill(closing); }) {}

  void add(SpanPart&& part, bool with_statistics) {
    book_.close_before(part.*place_);
    if (part.received.packets > 0)
      book_.arrived(part.received.packets, part.received.bytes, part.first_arrival, part.last_arrival);
    for (const std::uint64_t sequence : part.late) book_.arrived_late(sequence);
    Received rest = part.received;
    rest.packets = rest.bytes = rest.reordered = 0;  // counted above
    PacketInterval& open = book_.open();
    decoder::add(open.received, rest);
    next_expected_ = std::max(next_expected_, part.next_expected);
    smoothed_jitter_ = nanoseconds{static_cast<std::int64_t>(part.scaled_jitter >> 4)};
    if (!with_statistics) return;
    if (open.received.packets == part.received.packets) {
      open.statistics = std::move(part.statistics);  // most intervals lie in one span
    } else {
      decoder::add(open.statistics, part.statistics);
    }
  }

  void finish(std::optional<std::uint64_t> sent, ReceiverTime time) {
    const std::int64_t end = book_.grid().elapsed(time.time_since_epoch().count());
    book_.close_until(end);
    book_.finish(sent, end);
  }

 private:
  void fill(PacketInterval& closing) {
    book_.expect(next_expected_);
    closing.smoothed_jitter = smoothed_jitter_;
  }

  std::uint64_t SpanPart::*place_;
  std::uint64_t next_expected_ = 0;
  nanoseconds smoothed_jitter_{0};
  IntervalBook book_;
};

FlowStart with_step(FlowStart start, nanoseconds step) {
  if (step > nanoseconds{0}) start.step = step;
  return start;
}

// Decodes the whole file on several threads, and puts what comes of it together on this one.
class FileReplay {
 public:
  FileReplay(RecordReader& reader, const ReplayListener& listener)
      : reader_(reader),
        other_step_(listener.step > nanoseconds{0} && listener.on_interval),
        flow_(reader.start(), &SpanPart::interval,
              [this, &listener](PacketInterval&& interval) {
                accumulate_counts(total_, interval);
                if (!other_step_ && listener.on_interval) listener.on_interval(interval, reader_.start().spec);
              }),
        spans_(reader) {
    spans_.on_arrival = listener.on_arrival;
    total_.spec = reader.start().spec;
    std::optional<IntervalGrid> grid;
    if (other_step_) {
      const FlowStart start = with_step(reader.start(), listener.step);
      grid.emplace(start);
      rows_.emplace(start, &SpanPart::row, [this, &listener](PacketInterval&& interval) {
        listener.on_interval(interval, reader_.start().spec);
      });
    }
    rows_wanted_ = static_cast<bool>(listener.on_interval);
    decoders_ = std::make_unique<SpanDecoders>(listener.threads, [&reader, grid, wanted = rows_wanted_] {
      return std::make_unique<SpanDecoder>(reader.version(), reader.start(), grid, wanted);
    });
  }

  // What the file's packets add up to.
  PacketFlowResult run() {
    decoders_->run([this](Span& span) { return spans_.read(span); }, [this](Span& span) { put_together(span); });
    const auto& end = reader_.end();
    const std::uint64_t sent = end ? end->result.sent.packets + end->result.sent.omitted : 0;
    const ReceiverTime latest = any_ ? ReceiverTime{nanoseconds{latest_}} : flow_start(reader_.start());
    const ReceiverTime finished = end ? end->finished : latest;
    flow_.finish(sent > 0 ? std::optional(sent) : std::nullopt, finished);
    if (rows_) rows_->finish(sent > 0 ? std::optional(sent) : std::nullopt, finished);
    total_.statistics = decoders_->take_total();
    return std::move(total_);
  }
  std::uint64_t duplicate_window() const { return spans_.duplicate_window(); }

 private:
  void put_together(Span& span) {
    const SpanBlock& first = span.blocks.front();
    if (any_ && first.follows && !same_place(end_, first.header.order))
      reader_.note_damage(first.offset, kContradiction);
    for (const auto& [offset, what] : span.damage) reader_.note_damage(offset, what);
    for (SpanPart& part : span.parts) {
      if (!rows_) {
        flow_.add(std::move(part), rows_wanted_);
      } else {
        flow_.add(SpanPart(part_without_statistics(part)), false);
        rows_->add(std::move(part), true);
      }
    }
    latest_ = any_ ? std::max(latest_, span.latest) : span.latest;
    end_ = span.end;
    any_ = true;
  }

  static SpanPart part_without_statistics(SpanPart& part) {
    Statistics kept = std::exchange(part.statistics, {});
    SpanPart copy = part;
    part.statistics = std::move(kept);
    return copy;
  }

  RecordReader& reader_;
  bool other_step_;
  bool rows_wanted_ = false;
  PacketFlowResult total_;
  Assembly flow_;                 // of the flow's own intervals, which make the result
  std::optional<Assembly> rows_;  // of intervals of another length
  SpanReader spans_;
  std::unique_ptr<SpanDecoders> decoders_;
  bool any_ = false;  // span, so far; the last one's:
  record::Order end_;
  std::int64_t latest_ = 0;
};

}  // namespace

// What the file may say is absurd, so this wraps.
ReceiverTime flow_start(const FlowStart& start) {
  const std::int64_t back = difference(0, start.map.offset.count());
  return ReceiverTime{nanoseconds{difference(start.start.time_since_epoch().count(), back)}};
}

Replay replay(RecordReader& reader, const ReplayListener& listener) {
  FileReplay file(reader, listener);
  PacketFlowResult total = file.run();
  const auto& end = reader.end();

  Replay replayed;
  PacketFlowResult& result = replayed.result;
  result = without_intervals(reader, file.duplicate_window());
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
