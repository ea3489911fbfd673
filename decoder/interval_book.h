// SPDX-License-Identifier: MIT
//
// Times are handled as offsets from the flow's start ("elapsed"), in integers that wrap: the start and the
// clock map come from the sender, and nothing that it says may make arithmetic undefined.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "decoder/arrival_order.h"
#include "decoder/flow_decoder.h"
#include "decoder/loss_ledger.h"

namespace paceline::decoder {

/// Where a flow's intervals begin and end, by the receiver's clock.
struct IntervalGrid {
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  explicit IntervalGrid(const FlowStart& start);

  std::int64_t elapsed(std::int64_t receiver_time) const { return difference(receiver_time, origin); }
  /// The interval that holds this time; the first one holds what came before the start, the last one what came after
  /// the flow's duration.
  std::uint64_t index_at(std::int64_t elapsed_time) const {
    if (elapsed_time < length) return 0;
    const auto index = static_cast<std::uint64_t>(elapsed_time / length);
    return index < regular ? index : regular;
  }
  /// kNever for the last one.
  std::int64_t end_of(std::uint64_t index) const {
    return index < regular ? static_cast<std::int64_t>(index + 1) * length : kNever;
  }

  std::int64_t origin;    // the flow's start
  std::int64_t length;    // of an interval
  std::uint64_t regular;  // how many intervals have an end of their own; the next takes what is left
};

/// The open interval of a flow, and what is needed to close it: loss, and corrections of earlier intervals' loss.
class IntervalBook {
 public:
  /// Completes an interval's statistics and jitter right before it is given out.
  using Fill = std::function<void(PacketInterval&)>;

  IntervalBook(const FlowStart& start, FlowDecoder::IntervalSink sink, Fill fill);
  void report_to(FlowDecoder::IntervalSink sink) { sink_ = std::move(sink); }

  const IntervalGrid& grid() const { return grid_; }
  PacketInterval& open() { return open_; }  // to count into
  const PacketInterval& open() const { return open_; }
  std::int64_t open_end() const { return open_end_; }  // elapsed
  std::uint64_t distinct() const { return distinct_; }

  /// Distinct packets of so many bytes in all arrived between these times.
  void arrived(std::uint64_t packets, std::uint64_t bytes, std::int64_t first, std::int64_t last) {
    if (open_.received.packets == 0) open_.first_arrival = nanoseconds{first};
    open_.last_arrival = nanoseconds{last};
    open_.received.packets += packets;
    open_.received.bytes += bytes;
    distinct_ += packets;
  }
  /// One of them was late.
  void arrived_late(std::uint64_t sequence) {
    ++open_.received.reordered;
    ledger_.arrived(sequence);
  }
  /// One more than the highest sequence number so far; call it before closing.
  void expect(std::uint64_t next_expected) {
    if (next_expected > expected_) expected_ = next_expected;
  }

  void close_until(std::int64_t elapsed_time) {
    while (elapsed_time >= open_end_ && open_end_ != IntervalGrid::kNever) close();
  }
  void close_before(std::uint64_t index) {
    while (open_.index < index && open_end_ != IntervalGrid::kNever) close();
  }
  /// Gives out the last interval. Precondition: what ended by then is closed.
  void finish(std::optional<std::uint64_t> sent, std::int64_t elapsed_time);

 private:
  void close();
  void give_out(bool last);

  IntervalGrid grid_;
  nanoseconds omit_;
  FlowDecoder::IntervalSink sink_;
  Fill fill_;
  LossLedger ledger_;
  PacketInterval open_;
  std::int64_t open_end_;
  std::uint64_t expected_ = 0;  // next expected sequence number, or what the sender says that it sent
  std::uint64_t distinct_ = 0;
  std::uint64_t distinct_before_ = 0;  // when the open interval began
  std::uint64_t expected_before_ = 0;
};

}  // namespace paceline::decoder
