// SPDX-License-Identifier: MIT
//
// Times are handled as offsets from the flow's start ("elapsed"), in integers that wrap: the start and the
// clock map come from the sender, and nothing that it says may make arithmetic undefined.
#include "decoder/flow_decoder.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "decoder/arrival_order.h"
#include "decoder/histogram.h"
#include "paceline/validate.h"

namespace paceline::decoder {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kBoundsKept = 64;

std::int64_t sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

std::int64_t ns(SenderTime time) { return time.time_since_epoch().count(); }
std::int64_t ns(ReceiverTime time) { return time.time_since_epoch().count(); }

// Tells in which of the earlier intervals a packet was counted lost, by the sequence numbers up to which they
// had come.
class LossLedger {
 public:
  void close(std::uint64_t interval, std::uint64_t next_expected) {
    if (used_ > 0 && latest().next_expected == next_expected) return;  // nothing can have been lost in it
    if (used_ == kBoundsKept) {
      forgotten_ = bounds_.front().next_expected;
      std::rotate(bounds_.begin(), bounds_.begin() + 1,
                  bounds_.end());  // std::ranges::rotate is beyond clang 14
      --used_;
    }
    bounds_[used_++] = {interval, next_expected, 0};
  }

  // The packet has arrived, late. One that an interval still open has missed needs no correction; one that an
  // interval no longer known has missed gets none.
  void arrived(std::uint64_t sequence) {
    if (used_ == 0 || sequence >= latest().next_expected || sequence < forgotten_) return;
    --std::ranges::upper_bound(bounds_.begin(), bounds_.begin() + used(), sequence, {}, &Bound::next_expected)->lost;
  }

  std::vector<Correction> take() {
    std::vector<Correction> corrections;
    for (std::size_t i = 0; i < used_; ++i) {
      if (bounds_[i].lost != 0) corrections.push_back({bounds_[i].interval, std::exchange(bounds_[i].lost, 0)});
    }
    return corrections;
  }

 private:
  struct Bound {
    std::uint64_t interval;
    std::uint64_t next_expected;  // at the interval's end
    std::int64_t lost;            // correction so far
  };
  const Bound& latest() const { return bounds_[used_ - 1]; }

  std::array<Bound, kBoundsKept> bounds_{};
  std::ptrdiff_t used() const { return static_cast<std::ptrdiff_t>(used_); }
  std::size_t used_ = 0;
  std::uint64_t forgotten_ = 0;  // sequence numbers below it belong to intervals before the first bound's
};

}  // namespace

struct FlowDecoder::State {
  State(const FlowStart& start, IntervalSink interval_sink)
      : flow(start),
        sink(std::move(interval_sink)),
        origin(sum(ns(start.start), start.map.offset.count())),
        regular(static_cast<std::uint64_t>((start.spec.omit + start.spec.duration + start.interval() - nanoseconds{1}) /
                                           start.interval())),
        order(start.spec),
        open_end(start.interval().count()) {
    open.omitted = start.spec.omit > nanoseconds{0};
  }

  std::int64_t elapsed(ReceiverTime time) const { return difference(ns(time), origin); }

  void packet(const PacketObservation& packet);
  void run(PacketObservation first, std::span<const std::int64_t> lateness);
  void arrived(std::uint64_t packets, const PacketObservation& each, std::int64_t now);
  void measure(const PacketObservation& first, std::span<const std::int64_t> lateness);
  void measure_variation(std::uint64_t sequence, std::int64_t transit);
  void count(Counted what, std::uint64_t number);
  void close_until(std::int64_t now) {
    while (now >= open_end) {
      emit(false);
      open_next();
    }
  }
  void emit(bool last);
  void open_next();

  FlowStart flow;
  IntervalSink sink;
  std::int64_t origin;    // the flow's start, receiver's clock
  std::uint64_t regular;  // how many intervals have an end of their own; the next takes what is left
  ArrivalOrder order;
  LossLedger ledger;

  PacketInterval open;                // its statistics are in the histograms
  std::int64_t open_end;              // elapsed; kNever for the final one
  std::uint64_t distinct_before = 0;  // flow's figures when it opened
  std::uint64_t expected_before = 0;
  std::array<Histogram, kSegmentCount> segments;
  Histogram ipdv;
  Histogram jitter;

  std::uint64_t expected = 0;  // next expected sequence number, or what the sender says that it sent
  std::uint64_t distinct = 0;
  std::int64_t largest_delay = std::numeric_limits<std::int64_t>::min();
};

void FlowDecoder::State::packet(const PacketObservation& packet) {
  const std::int64_t now = elapsed(packet.rx_user);
  if (now >= open_end) [[unlikely]]
    close_until(now);

  switch (order.arrive(packet.sequence)) {
    case ArrivalOrder::Kind::in_order: break;
    case ArrivalOrder::Kind::reordered:
      ++open.received.reordered;
      ledger.arrived(packet.sequence);
      break;
    case ArrivalOrder::Kind::duplicate: ++open.received.duplicated; return;
    case ArrivalOrder::Kind::beyond_window: ++open.received.beyond_window; return;
    case ArrivalOrder::Kind::impossible: ++open.received.invalid; return;
  }
  arrived(1, packet, now);
  measure(packet, {&packet.lateness, 1});
}

void FlowDecoder::State::run(PacketObservation first, std::span<const std::int64_t> lateness) {
  const std::int64_t now = elapsed(first.rx_user);
  if (now >= open_end) [[unlikely]]
    close_until(now);

  const std::size_t in_order = order.arrive_run(first.sequence, lateness.size());
  if (in_order > 0) {
    arrived(in_order, first, now);
    measure(first, lateness.first(in_order));
  }
  for (std::size_t i = in_order; i < lateness.size(); ++i) {
    PacketObservation single = first;
    single.sequence += i;
    single.lateness = lateness[i];
    packet(single);
  }
}

void FlowDecoder::State::arrived(std::uint64_t packets, const PacketObservation& each, std::int64_t now) {
  if (open.received.packets == 0) open.first_arrival = nanoseconds{now};
  open.last_arrival = nanoseconds{now};
  open.received.packets += packets;
  open.received.bytes += packets * each.size;
  distinct += packets;
}

// A run of distinct packets; all of its times but the lateness are the first one's.
void FlowDecoder::State::measure(const PacketObservation& first, std::span<const std::int64_t> lateness) {
  const std::uint64_t packets = lateness.size();
  const std::int64_t tx_user = sum(ns(first.tx_user), flow.map.offset.count());  // by the receiver's clock
  const std::int64_t delay = difference(ns(first.rx_user), tx_user);
  largest_delay = std::max(largest_delay, delay);

  static_assert(kSegmentCount == 4, "each segment is recorded below, in the order of kSegments");
  segments[0].record(delay, packets);
  for (std::size_t i = 0; i < packets;) {
    const std::size_t begin = i;
    while (i < packets && lateness[i] == lateness[begin]) ++i;
    segments[1].record(sum(delay, lateness[begin]), i - begin);
  }
  if (flow.hook != Hook::none) {
    if (first.rx_tc == PacketObservation::kNoStamp) {
      open.received.missed += packets;
    } else {
      open.received.stamped += packets;
      segments[2].record(difference(ns(first.rx_tc), tx_user), packets);
      segments[3].record(difference(ns(first.rx_user), ns(first.rx_tc)), packets);
    }
  }

  measure_variation(first.sequence, difference(ns(first.rx_user), ns(first.tx_user)));
  if (packets == 1) return;
  order.keep_transit(packets - 1);
  ipdv.record(0, packets - 1);
  jitter.record(0, packets - 1);
}

void FlowDecoder::State::measure_variation(std::uint64_t sequence, std::int64_t transit) {
  const auto variation = order.vary(sequence, transit);
  if (!variation.known) return;
  if (variation.adjacent) ipdv.record(variation.change);
  jitter.record(variation.change < 0 ? difference(0, variation.change) : variation.change);
}

void FlowDecoder::State::count(Counted what, std::uint64_t number) {
  switch (what) {
    case Counted::unbound: open.received.unbound += number; break;
    case Counted::invalid: open.received.invalid += number; break;
    case Counted::lost_in_socket: open.received.lost_in_socket += number; break;
  }
}

void FlowDecoder::State::emit(bool last) {
  expected = std::max(expected, order.next_expected());
  open.received.lost = difference(static_cast<std::int64_t>(expected - expected_before),
                                  static_cast<std::int64_t>(distinct - distinct_before));
  open.corrections = ledger.take();
  for (std::size_t i = 0; i < kSegmentCount; ++i) open.statistics.segments[i] = segments[i].take();
  open.statistics.ipdv = ipdv.take();
  open.statistics.jitter = jitter.take();
  open.smoothed_jitter = order.smoothed_jitter();
  open.last = last;
  if (!last) open.end = nanoseconds{open_end};
  sink(std::move(open));
}

void FlowDecoder::State::open_next() {
  const std::uint64_t index = open.index + 1;
  ledger.close(open.index, expected);
  open = PacketInterval{};
  open.index = index;
  open.start = nanoseconds{open_end};
  open.omitted = open.start < flow.spec.omit;
  open_end = index < regular ? open_end + flow.interval().count() : kNever;
  expected_before = expected;
  distinct_before = distinct;
}

FlowDecoder::FlowDecoder(const FlowStart& start, IntervalSink sink) {
  validate(start.spec);
  state_ = std::make_unique<State>(start, std::move(sink));
}

FlowDecoder::~FlowDecoder() = default;
FlowDecoder::FlowDecoder(FlowDecoder&&) noexcept = default;
FlowDecoder& FlowDecoder::operator=(FlowDecoder&&) noexcept = default;

void FlowDecoder::report_to(IntervalSink sink) { state_->sink = std::move(sink); }

void FlowDecoder::packet(const PacketObservation& packet) { state_->packet(packet); }

void FlowDecoder::run(PacketObservation first, std::span<const std::int64_t> lateness) { state_->run(first, lateness); }

void FlowDecoder::count(Counted what, std::uint64_t number, ReceiverTime now) {
  advance(now);
  state_->count(what, number);
}

void FlowDecoder::advance(ReceiverTime now) { state_->close_until(state_->elapsed(now)); }

ReceiverTime FlowDecoder::interval_end() const {
  if (state_->open_end == kNever) return ReceiverTime::max();
  return ReceiverTime{nanoseconds{sum(state_->origin, state_->open_end)}};
}

std::uint64_t FlowDecoder::distinct() const { return state_->distinct; }
std::uint64_t FlowDecoder::next_expected() const { return state_->order.next_expected(); }
nanoseconds FlowDecoder::largest_delay() const {
  return nanoseconds{state_->distinct == 0 ? 0 : state_->largest_delay};
}
std::uint64_t FlowDecoder::duplicate_window() const { return state_->order.window(); }

void FlowDecoder::finish(std::optional<std::uint64_t> sent, ReceiverTime now) {
  State& state = *state_;
  const std::int64_t end = state.elapsed(now);
  state.close_until(end);
  state.expected = std::max(sent.value_or(0), state.order.next_expected());
  state.open.end = std::max({nanoseconds{end}, state.open.start, state.open.last_arrival});
  state.emit(true);
}

namespace {

void add(Received& total, const Received& part) {
  total.packets += part.packets;
  total.bytes += part.bytes;
  total.lost = sum(total.lost, part.lost);
  total.duplicated += part.duplicated;
  total.reordered += part.reordered;
  total.beyond_window += part.beyond_window;
  total.unbound += part.unbound;
  total.invalid += part.invalid;
  total.lost_in_socket += part.lost_in_socket;
  total.stamped += part.stamped;
  total.missed += part.missed;
}

void add(Statistics& total, const Statistics& part) {
  for (std::size_t i = 0; i < kSegmentCount; ++i) total.segments[i].merge(part.segments[i]);
  total.ipdv.merge(part.ipdv);
  total.jitter.merge(part.jitter);
}

}  // namespace

void accumulate(PacketFlowResult& total, const PacketInterval& interval) {
  if (interval.omitted) return;
  if (interval.received.packets > 0) {
    if (total.received.packets == 0) total.first_arrival = interval.first_arrival;
    total.last_arrival = interval.last_arrival;
  }
  add(total.received, interval.received);  // its loss holds its corrections
  const auto measured_from = static_cast<std::uint64_t>(total.spec.omit / total.spec.interval);
  for (const Correction& correction : interval.corrections) {
    // Nothing of the warm-up's loss is in the total that it could be taken from.
    if (correction.interval < measured_from) total.received.lost = difference(total.received.lost, correction.lost);
  }
  add(total.statistics, interval.statistics);
  total.smoothed_jitter = interval.smoothed_jitter;
  ++total.intervals;
}

}  // namespace paceline::decoder
