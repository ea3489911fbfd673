// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "decoder/observation.h"
#include "paceline/result.h"

namespace paceline::decoder {

/// What a flow's decoder must know before the first packet.
struct FlowStart {
  std::uint32_t flow_id = 0;
  PacketFlowSpec spec;
  ClockMap map;
  SenderTime start{};      // the first packet's due time
  Hook hook = Hook::none;  // stamps are expected (and counted as missed) unless none
  nanoseconds step{0};     // length of the intervals; 0: the specification's

  nanoseconds interval() const { return step > nanoseconds{0} ? step : spec.interval; }
};

/// Turns one flow's observations into intervals, in constant memory. Does no I/O and reads no clock: the same
/// calls give the same intervals, live or replayed. Times must not go backwards. Not thread-safe.
class FlowDecoder {
 public:
  using IntervalSink = std::function<void(PacketInterval&&)>;

  /// `sink` may be left out until report_to(). Throws UsageError for a specification that makes no sense,
  /// std::bad_alloc.
  explicit FlowDecoder(const FlowStart& start, IntervalSink sink = {});
  ~FlowDecoder();
  FlowDecoder(FlowDecoder&&) noexcept;
  FlowDecoder& operator=(FlowDecoder&&) noexcept;

  /// Who is told of intervals. Precondition: none has ended.
  void report_to(IntervalSink sink);

  /// The hot path: allocates nothing but for an interval's end.
  void packet(const PacketObservation& packet);
  /// As many packets with consecutive sequence numbers, from the first one's on, that share all else but their
  /// lateness. The same as packet() for each, at a fraction of its cost when none has come before.
  void run(PacketObservation first, std::span<const std::int64_t> lateness);
  void count(Counted what, std::uint64_t number, ReceiverTime now);

  /// Closes the intervals that ended by now, empty ones included.
  void advance(ReceiverTime now);

  /// When the open interval ends.
  ReceiverTime interval_end() const;

  std::uint64_t distinct() const;          // packets so far
  std::uint64_t next_expected() const;     // highest sequence number so far + 1; 0 before the first packet
  nanoseconds largest_delay() const;       // tx.user to rx.user so far; 0 before the first packet
  std::uint64_t duplicate_window() const;  // packets

  /// Emits the last interval (last == true): with `sent`, packets [next_expected, sent) count as lost;
  /// without (the sender vanished) only gaps do. Nothing may be observed after.
  void finish(std::optional<std::uint64_t> sent, ReceiverTime now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Counts what is not a packet of the flow's.
void count(Counted what, std::uint64_t number, Received& received);

void add(Received& total, const Received& part);
void add(Statistics& total, const Statistics& part);

/// Adds an interval to the flow's totals (received, statistics, intervals, first and last arrival, jitter): the
/// receiver's summary, the sender's live view and a replay are all made by this. One of the warm-up counts for nothing.
/// Precondition: total.spec is the flow's.
void accumulate(PacketFlowResult& total, const PacketInterval& interval);
/// All of this but the statistics.
void accumulate_counts(PacketFlowResult& total, const PacketInterval& interval);

}  // namespace paceline::decoder
