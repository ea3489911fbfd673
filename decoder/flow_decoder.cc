// SPDX-License-Identifier: MIT
#include "decoder/flow_decoder.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "decoder/arrival_order.h"
#include "decoder/histogram.h"
#include "decoder/interval_book.h"
#include "paceline/validate.h"

namespace paceline::decoder {

namespace {

std::int64_t sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

std::int64_t ns(SenderTime time) { return time.time_since_epoch().count(); }
std::int64_t ns(ReceiverTime time) { return time.time_since_epoch().count(); }

}  // namespace

struct FlowDecoder::State {
  State(const FlowStart& start, IntervalSink interval_sink)
      : flow(start),
        order(start.spec),
        book(start, std::move(interval_sink), [this](PacketInterval& closing) { fill(closing); }) {}

  std::int64_t elapsed(ReceiverTime time) const { return book.grid().elapsed(ns(time)); }

  void packet(const PacketObservation& packet);
  void run(PacketObservation first, std::span<const std::int64_t> lateness);
  void measure(const PacketObservation& first, std::span<const std::int64_t> lateness);
  void measure_variation(std::uint64_t sequence, std::int64_t transit);
  void count(Counted what, std::uint64_t number);
  void fill(PacketInterval& closing);

  FlowStart flow;
  ArrivalOrder order;
  IntervalBook book;  // the open interval's statistics are in the histograms
  std::array<Histogram, kSegmentCount> segments;
  Histogram ipdv;
  Histogram jitter;
  std::int64_t largest_delay = std::numeric_limits<std::int64_t>::min();
};

void FlowDecoder::State::packet(const PacketObservation& packet) {
  const std::int64_t now = elapsed(packet.rx_user);
  if (now >= book.open_end()) [[unlikely]]
    book.close_until(now);

  switch (order.arrive(packet.sequence)) {
    case ArrivalOrder::Kind::in_order: break;
    case ArrivalOrder::Kind::reordered: book.arrived_late(packet.sequence); break;
    case ArrivalOrder::Kind::duplicate: ++book.open().received.duplicated; return;
    case ArrivalOrder::Kind::beyond_window: ++book.open().received.beyond_window; return;
    case ArrivalOrder::Kind::impossible: ++book.open().received.invalid; return;
  }
  book.arrived(1, packet.size, now, now);
  measure(packet, {&packet.lateness, 1});
}

void FlowDecoder::State::run(PacketObservation first, std::span<const std::int64_t> lateness) {
  const std::int64_t now = elapsed(first.rx_user);
  if (now >= book.open_end()) [[unlikely]]
    book.close_until(now);

  const std::size_t in_order = order.arrive_run(first.sequence, lateness.size());
  if (in_order > 0) {
    book.arrived(in_order, std::uint64_t{in_order} * first.size, now, now);
    measure(first, lateness.first(in_order));
  }
  for (std::size_t i = in_order; i < lateness.size(); ++i) {
    PacketObservation single = first;
    single.sequence += i;
    single.lateness = lateness[i];
    packet(single);
  }
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
      book.open().received.missed += packets;
    } else {
      book.open().received.stamped += packets;
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
  jitter.record(magnitude(variation.change));
}

void FlowDecoder::State::count(Counted what, std::uint64_t number) {
  decoder::count(what, number, book.open().received);
}

void FlowDecoder::State::fill(PacketInterval& closing) {
  book.expect(order.next_expected());
  for (std::size_t i = 0; i < kSegmentCount; ++i) closing.statistics.segments[i] = segments[i].take();
  closing.statistics.ipdv = ipdv.take();
  closing.statistics.jitter = jitter.take();
  closing.smoothed_jitter = order.smoothed_jitter();
}

FlowDecoder::FlowDecoder(const FlowStart& start, IntervalSink sink) {
  validate(start.spec);
  state_ = std::make_unique<State>(start, std::move(sink));
}

FlowDecoder::~FlowDecoder() = default;
FlowDecoder::FlowDecoder(FlowDecoder&&) noexcept = default;
FlowDecoder& FlowDecoder::operator=(FlowDecoder&&) noexcept = default;

void FlowDecoder::report_to(IntervalSink sink) { state_->book.report_to(std::move(sink)); }

void FlowDecoder::packet(const PacketObservation& packet) { state_->packet(packet); }

void FlowDecoder::run(PacketObservation first, std::span<const std::int64_t> lateness) { state_->run(first, lateness); }

void FlowDecoder::count(Counted what, std::uint64_t number, ReceiverTime now) {
  advance(now);
  state_->count(what, number);
}

void FlowDecoder::advance(ReceiverTime now) { state_->book.close_until(state_->elapsed(now)); }

ReceiverTime FlowDecoder::interval_end() const {
  const std::int64_t end = state_->book.open_end();
  if (end == IntervalGrid::kNever) return ReceiverTime::max();
  return ReceiverTime{nanoseconds{sum(state_->book.grid().origin, end)}};
}

std::uint64_t FlowDecoder::distinct() const { return state_->book.distinct(); }
std::uint64_t FlowDecoder::next_expected() const { return state_->order.next_expected(); }
nanoseconds FlowDecoder::largest_delay() const {
  return nanoseconds{state_->book.distinct() == 0 ? 0 : state_->largest_delay};
}
std::uint64_t FlowDecoder::duplicate_window() const { return state_->order.window(); }

void FlowDecoder::finish(std::optional<std::uint64_t> sent, ReceiverTime now) {
  const std::int64_t end = state_->elapsed(now);
  state_->book.close_until(end);
  state_->book.finish(sent, end);
}

void count(Counted what, std::uint64_t number, Received& received) {
  switch (what) {
    case Counted::unbound: received.unbound += number; break;
    case Counted::invalid: received.invalid += number; break;
    case Counted::lost_in_socket: received.lost_in_socket += number; break;
  }
}

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

void accumulate(PacketFlowResult& total, const PacketInterval& interval) {
  accumulate_counts(total, interval);
  if (!interval.omitted) add(total.statistics, interval.statistics);
}

void accumulate_counts(PacketFlowResult& total, const PacketInterval& interval) {
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
  total.smoothed_jitter = interval.smoothed_jitter;
  ++total.intervals;
}

}  // namespace paceline::decoder
