// SPDX-License-Identifier: MIT
#include "proto/convert.h"

#include <cmath>
#include <string>

#include "proto/check.h"
#include "proto/convert_spec.h"

namespace paceline::wire {

namespace {

constexpr int kMaxCorrections = 64;
constexpr int kMaxCandidates = 16;

std::uint64_t low(uint128 value) { return static_cast<std::uint64_t>(value); }
std::uint64_t high(uint128 value) { return static_cast<std::uint64_t>(value >> 64); }
uint128 join(std::uint64_t low_half, std::uint64_t high_half) { return uint128{high_half} << 64 | low_half; }

ClockVerdict to_wire(paceline::ClockVerdict verdict) {
  switch (verdict) {
    case paceline::ClockVerdict::unknown: return CLOCK_VERDICT_UNKNOWN;
    case paceline::ClockVerdict::estimated: return CLOCK_VERDICT_ESTIMATED;
    case paceline::ClockVerdict::same_host: return CLOCK_VERDICT_SAME_HOST;
    case paceline::ClockVerdict::synchronized: return CLOCK_VERDICT_SYNCHRONIZED;
  }
  return CLOCK_VERDICT_UNSPECIFIED;
}

paceline::ClockVerdict from_wire(ClockVerdict verdict) {
  switch (verdict) {
    case CLOCK_VERDICT_UNKNOWN: return paceline::ClockVerdict::unknown;
    case CLOCK_VERDICT_ESTIMATED: return paceline::ClockVerdict::estimated;
    case CLOCK_VERDICT_SAME_HOST: return paceline::ClockVerdict::same_host;
    case CLOCK_VERDICT_SYNCHRONIZED: return paceline::ClockVerdict::synchronized;
    default: throw WireError("unknown clock verdict");
  }
}

void to_wire(const paceline::Received& from, Received& to) {
  to.set_packets(from.packets);
  to.set_bytes(from.bytes);
  to.set_lost(from.lost);
  to.set_duplicated(from.duplicated);
  to.set_reordered(from.reordered);
  to.set_beyond_window(from.beyond_window);
  to.set_unbound(from.unbound);
  to.set_invalid(from.invalid);
  to.set_lost_in_socket(from.lost_in_socket);
  to.set_stamped(from.stamped);
  to.set_missed(from.missed);
}

paceline::Received from_wire(const Received& from) {
  paceline::Received to;
  to.packets = from.packets();
  to.bytes = from.bytes();
  to.lost = from.lost();
  to.duplicated = from.duplicated();
  to.reordered = from.reordered();
  to.beyond_window = from.beyond_window();
  to.unbound = from.unbound();
  to.invalid = from.invalid();
  to.lost_in_socket = from.lost_in_socket();
  to.stamped = from.stamped();
  to.missed = from.missed();
  return to;
}

void to_wire(const paceline::Statistics& from, Statistics& to) {
  for (const auto& segment : from.segments) to_wire(segment, *to.add_segments());
  to_wire(from.ipdv, *to.mutable_ipdv());
  to_wire(from.jitter, *to.mutable_jitter());
}

paceline::Statistics from_wire(const Statistics& from) {
  paceline::Statistics to;
  require(from.segments_size() == static_cast<int>(kSegmentCount), "statistics without one distribution a segment");
  for (int i = 0; i < from.segments_size(); ++i) to.segments[static_cast<std::size_t>(i)] = from_wire(from.segments(i));
  to.ipdv = from_wire(from.ipdv());
  to.jitter = from_wire(from.jitter());
  return to;
}

void to_wire(const paceline::Arrivals& from, Arrivals& to) {
  to.set_skbs(from.skbs);
  to.set_at_hook(from.at_hook);
  to.set_coalesced(from.coalesced);
}

paceline::Arrivals from_wire(const Arrivals& from) { return {from.skbs(), from.at_hook(), from.coalesced()}; }

void to_wire(const paceline::Drawn& from, Drawn& to) {
  to.set_gaps(from.gaps);
  to.set_gaps_redrawn(from.gaps_redrawn);
  to.set_sizes(from.sizes);
  to.set_sizes_redrawn(from.sizes_redrawn);
  to.set_mean_gap(from.mean_gap);
  to.set_mean_size(from.mean_size);
}

paceline::Drawn from_wire(const Drawn& from) {
  const auto mean = [](double value) {
    require(std::isfinite(value) && value >= 0, "mean of what was drawn that is none");
    return value;
  };
  return {from.gaps(),          from.gaps_redrawn(),   from.sizes(),
          from.sizes_redrawn(), mean(from.mean_gap()), mean(from.mean_size())};
}

void to_wire(const paceline::RoundTrip& from, RoundTrip& to) {
  to_wire(from.received, *to.mutable_received());
  to.set_first_arrival(from.first_arrival.count());
  to.set_last_arrival(from.last_arrival.count());
  to_wire(from.statistics, *to.mutable_statistics());
  to.set_smoothed_jitter(from.smoothed_jitter.count());
  to.set_intervals(from.intervals);
  to.set_hook(wire::to_wire(from.hook));
}

paceline::RoundTrip from_wire(const RoundTrip& from) {
  paceline::RoundTrip to;
  to.received = from_wire(from.received());
  to.first_arrival = nanoseconds{from.first_arrival()};
  to.last_arrival = nanoseconds{from.last_arrival()};
  to.statistics = from_wire(from.statistics());
  require(from.smoothed_jitter() >= 0, "smoothed jitter below 0");
  to.smoothed_jitter = nanoseconds{from.smoothed_jitter()};
  to.intervals = from.intervals();
  to.hook = wire::from_wire(from.hook());
  return to;
}

// Whether n values between min and max can have this sum.
bool sum_fits(const paceline::Distribution& values) {
  const auto n = static_cast<int128>(values.count);
  const auto sum = static_cast<int128>(values.sum);
  return sum >= n * values.min && sum <= n * values.max;
}

}  // namespace

std::string text(const std::string& from) {
  constexpr std::size_t kLongest = 4096;
  std::string shown = from.substr(0, kLongest);
  for (char& letter : shown) {
    if ((letter < ' ' && letter != '\n') || letter > '~') letter = '?';
  }
  return shown;
}

void to_wire(const paceline::Distribution& from, Distribution& to) {
  to.set_count(from.count);
  to.set_sum_low(low(from.sum));
  to.set_sum_high(high(from.sum));
  to.set_sum_squares_low(low(from.sum_squares));
  to.set_sum_squares_high(high(from.sum_squares));
  to.set_min(from.min);
  to.set_max(from.max);
  to.mutable_bucket_steps()->Reserve(static_cast<int>(from.buckets.size()));
  to.mutable_bucket_counts()->Reserve(static_cast<int>(from.buckets.size()));
  std::int32_t previous = 0;
  for (const auto& bucket : from.buckets) {
    to.add_bucket_steps(bucket.index - previous);
    to.add_bucket_counts(bucket.count);
    previous = bucket.index;
  }
}

paceline::Distribution from_wire(const Distribution& from) {
  paceline::Distribution to;
  to.count = from.count();
  to.sum = join(from.sum_low(), from.sum_high());
  to.sum_squares = join(from.sum_squares_low(), from.sum_squares_high());
  to.min = from.min();
  to.max = from.max();
  const int size = from.bucket_steps_size();
  require(from.bucket_counts_size() == size, "distribution whose buckets and counts differ in number");
  if (to.count == 0) {
    require(size == 0 && to == paceline::Distribution{}, "distribution of nothing that holds something");
    return to;
  }

  to.buckets.reserve(static_cast<std::size_t>(size));
  std::int64_t index = 0;
  std::uint64_t left = to.count;
  for (int i = 0; i < size; ++i) {
    require(i == 0 || from.bucket_steps(i) > 0, "distribution whose buckets do not ascend");
    index += from.bucket_steps(i);
    require(index >= -buckets::kMaxIndex && index <= buckets::kMaxIndex, "distribution with an unknown bucket");
    const std::uint64_t count = from.bucket_counts(i);
    require(count > 0 && count <= left, "distribution whose buckets do not add up");
    left -= count;
    to.buckets.push_back({static_cast<std::int32_t>(index), count});
  }
  require(left == 0, "distribution whose buckets do not add up");
  require(to.min <= to.max && buckets::index_of(to.min) == to.buckets.front().index &&
              buckets::index_of(to.max) == to.buckets.back().index,
          "distribution whose extremes are not in its outer buckets");
  require(sum_fits(to), "distribution whose mean is beyond its extremes");
  return to;
}

void to_wire(const paceline::PathResult& from, PathResult& to) {
  to.set_dialled(from.dialled);
  to.set_arrived_at(from.arrived_at);
  to.set_seen_from(from.seen_from);
  to.set_sent_from(from.sent_from);
  to.set_source_translated(from.source_translated);
  to.set_destination_translated(from.destination_translated);
  to.set_attempts(from.attempts);
  to.set_first_packet(from.first_packet.count());
  for (const auto& candidate : from.candidates) {
    CandidateOutcome& outcome = *to.add_candidates();
    outcome.set_address(candidate.address);
    outcome.set_source(candidate.source);
    outcome.set_attempts(candidate.attempts);
    outcome.set_outcome(candidate.outcome);
  }
}

paceline::PathResult from_wire(const PathResult& from) {
  paceline::PathResult to;
  to.dialled = text(from.dialled());
  to.arrived_at = text(from.arrived_at());
  to.seen_from = text(from.seen_from());
  to.sent_from = text(from.sent_from());
  to.source_translated = from.source_translated();
  to.destination_translated = from.destination_translated();
  to.attempts = from.attempts();
  require(from.first_packet() >= 0, "path whose first packet came back before it was sent");
  to.first_packet = nanoseconds{from.first_packet()};
  require(from.candidates_size() <= kMaxCandidates, "more candidates than a receiver can have offered");
  for (const auto& outcome : from.candidates())
    to.candidates.push_back(
        {text(outcome.address()), text(outcome.source()), outcome.attempts(), text(outcome.outcome())});
  return to;
}

void to_wire(const paceline::Sent& from, Sent& to) {
  to.set_packets(from.packets);
  to.set_bytes(from.bytes);
  to.set_span(from.span.count());
  to.set_missed_slots(from.missed_slots);
  to.set_send_retries(from.send_retries);
  to.set_send_errors(from.send_errors);
  to_wire(from.lateness, *to.mutable_lateness());
  to.set_pacing(to_wire(from.pacing));
  to.set_omitted(from.omitted);
  to.set_sends(from.sends);
  to.set_batching(to_wire(from.batching));
  to.set_batch(from.batch);
  to.set_due_span(from.due_span.count());
  if (from.drawn) to_wire(*from.drawn, *to.mutable_drawn());
}

paceline::Sent from_wire(const Sent& from) {
  paceline::Sent to;
  to.packets = from.packets();
  to.bytes = from.bytes();
  require(from.span() >= 0, "sender whose last packet left before its first");
  to.span = nanoseconds{from.span()};
  to.missed_slots = from.missed_slots();
  to.send_retries = from.send_retries();
  to.send_errors = from.send_errors();
  to.lateness = from_wire(from.lateness());
  to.pacing = from_wire(from.pacing());
  to.omitted = from.omitted();
  to.sends = from.sends();
  to.batching = from_wire(from.batching());
  require(from.batch() <= paceline::PacketFlowSpec::kMaxBatch, "more datagrams in a call than it can take");
  to.batch = from.batch() == 0 ? 1 : from.batch();  // files of before batching
  require(from.due_span() >= 0, "sender whose last packet was due before its first");
  to.due_span = nanoseconds{from.due_span()};
  if (from.has_drawn()) to.drawn = from_wire(from.drawn());
  return to;
}

void to_wire(const paceline::Stamping& from, Stamping& to) {
  to.set_hook(wire::to_wire(from.hook));
  to.set_interface(from.interface);
  to.set_reason(from.reason);
}

paceline::Stamping from_wire(const Stamping& from) {
  return {from_wire(from.hook()), text(from.interface()), text(from.reason())};
}

void to_wire(const paceline::ClockResult& from, ClockResult& to) {
  to.set_verdict(to_wire(from.verdict));
  to.set_offset(from.offset.count());
  to.set_error_bound(from.error_bound.count());
  to.set_drift(from.drift.count());
  to.set_exchanges_before(from.exchanges_before);
  to.set_exchanges_after(from.exchanges_after);
  to.set_min_round_trip(from.min_round_trip.count());
}

paceline::ClockResult from_wire(const ClockResult& from) {
  paceline::ClockResult to;
  to.verdict = from_wire(from.verdict());
  to.offset = nanoseconds{from.offset()};
  require(from.error_bound() >= 0, "clock error bound below 0");
  to.error_bound = nanoseconds{from.error_bound()};
  to.drift = nanoseconds{from.drift()};
  to.exchanges_before = from.exchanges_before();
  to.exchanges_after = from.exchanges_after();
  to.min_round_trip = nanoseconds{from.min_round_trip()};
  return to;
}

void to_wire(const paceline::PacketInterval& from, PacketInterval& to) {
  to.set_index(from.index);
  to.set_start(from.start.count());
  to.set_end(from.end.count());
  to_wire(from.received, *to.mutable_received());
  for (const auto& correction : from.corrections) {
    Correction& corrected = *to.add_corrections();
    corrected.set_interval(correction.interval);
    corrected.set_lost(correction.lost);
  }
  to_wire(from.statistics, *to.mutable_statistics());
  to.set_smoothed_jitter(from.smoothed_jitter.count());
  to.set_first_arrival(from.first_arrival.count());
  to.set_last_arrival(from.last_arrival.count());
  to.set_last(from.last);
  to.set_omitted(from.omitted);
  to.set_meter(to_wire(from.meter));
}

paceline::PacketInterval from_wire(const PacketInterval& from) {
  paceline::PacketInterval to;
  to.index = from.index();
  require_span(from.start(), from.end());
  to.start = nanoseconds{from.start()};
  to.end = nanoseconds{from.end()};
  to.received = from_wire(from.received());
  require(from.corrections_size() <= kMaxCorrections, "interval with too many corrections");
  for (const auto& corrected : from.corrections()) {
    require(corrected.interval() < from.index(), "correction of an interval that is not earlier");
    to.corrections.push_back({corrected.interval(), corrected.lost()});
  }
  to.statistics = from_wire(from.statistics());
  require(from.smoothed_jitter() >= 0, "smoothed jitter below 0");
  to.smoothed_jitter = nanoseconds{from.smoothed_jitter()};
  to.first_arrival = nanoseconds{from.first_arrival()};
  to.last_arrival = nanoseconds{from.last_arrival()};
  to.last = from.last();
  to.omitted = from.omitted();
  to.meter = from_wire(from.meter());
  return to;
}

void to_wire(const paceline::PacketFlowResult& from, PacketFlowResult& to) {
  to.set_flow_id(from.flow_id);
  to_wire(from.spec, *to.mutable_spec());
  to_wire(from.path, *to.mutable_path());
  to.set_complete(from.complete);
  to.set_incomplete_reason(from.incomplete_reason);
  to_wire(from.sent, *to.mutable_sent());
  to_wire(from.received, *to.mutable_received());
  to.set_first_arrival(from.first_arrival.count());
  to.set_last_arrival(from.last_arrival.count());
  to_wire(from.statistics, *to.mutable_statistics());
  to.set_smoothed_jitter(from.smoothed_jitter.count());
  to.set_intervals(from.intervals);
  to.set_duplicate_window(from.duplicate_window);
  to.set_socket_flows(from.socket_flows);
  to_wire(from.stamping, *to.mutable_stamping());
  to_wire(from.clock, *to.mutable_clock());
  to_wire(from.arrivals, *to.mutable_arrivals());
  to_wire(from.sender_cpu, *to.mutable_sender_cpu());
  to_wire(from.receiver_cpu, *to.mutable_receiver_cpu());
  to.set_echoes_unsent(from.echoes_unsent);
  if (from.round_trip) to_wire(*from.round_trip, *to.mutable_round_trip());
}

paceline::PacketFlowResult from_wire(const PacketFlowResult& from) {
  paceline::PacketFlowResult to;
  to.flow_id = from.flow_id();
  to.spec = from_wire(from.spec());
  to.path = from_wire(from.path());
  to.complete = from.complete();
  to.incomplete_reason = text(from.incomplete_reason());
  to.sent = from_wire(from.sent());
  to.received = from_wire(from.received());
  to.first_arrival = nanoseconds{from.first_arrival()};
  to.last_arrival = nanoseconds{from.last_arrival()};
  to.statistics = from_wire(from.statistics());
  require(from.smoothed_jitter() >= 0, "smoothed jitter below 0");
  to.smoothed_jitter = nanoseconds{from.smoothed_jitter()};
  to.intervals = from.intervals();
  to.duplicate_window = from.duplicate_window();
  to.socket_flows = from.socket_flows();
  to.stamping = from_wire(from.stamping());
  to.clock = from_wire(from.clock());
  to.arrivals = from_wire(from.arrivals());
  to.sender_cpu = from_wire(from.sender_cpu());
  to.receiver_cpu = from_wire(from.receiver_cpu());
  to.echoes_unsent = from.echoes_unsent();
  if (from.has_round_trip()) to.round_trip = from_wire(from.round_trip());
  return to;
}

void to_wire(const paceline::CpuTime& from, CpuTime& to) {
  to.set_user(from.user.count());
  to.set_system(from.system.count());
  to.set_elapsed(from.elapsed.count());
  to.set_stolen(from.stolen.count());
}

paceline::CpuTime from_wire(const CpuTime& from) {
  require(from.user() >= 0 && from.system() >= 0 && from.elapsed() >= 0 && from.stolen() >= 0, "CPU time below 0");
  return {nanoseconds{from.user()}, nanoseconds{from.system()}, nanoseconds{from.elapsed()},
          nanoseconds{from.stolen()}};
}

void to_wire(const paceline::Host& from, Host& to) {
  to.set_kernel(from.kernel);
  to.set_cpu(from.cpu);
  to.set_cpus(from.cpus);
  to.set_clocksource(from.clocksource);
  for (const paceline::Interface& interface : from.interfaces) {
    Interface& out = *to.add_interfaces();
    out.set_name(interface.name);
    out.set_driver(interface.driver);
    out.set_mtu(interface.mtu);
    out.set_qdisc(interface.qdisc);
    for (const std::string& offload : interface.offloads) out.add_offloads(offload);
    for (const std::string& program : interface.programs) out.add_programs(program);
  }
}

paceline::Host from_wire(const Host& from) {
  constexpr int kMostWords = 64;
  require(from.interfaces_size() <= static_cast<int>(paceline::Host::kMaxInterfaces), "too many interfaces");
  paceline::Host to{text(from.kernel()), text(from.cpu()), from.cpus(), text(from.clocksource()), {}};
  for (const Interface& interface : from.interfaces()) {
    require(interface.offloads_size() <= kMostWords && interface.programs_size() <= kMostWords,
            "too many offloads or programs of an interface");
    paceline::Interface& out = to.interfaces.emplace_back();
    out.name = text(interface.name());
    out.driver = text(interface.driver());
    out.mtu = interface.mtu();
    out.qdisc = text(interface.qdisc());
    for (const std::string& offload : interface.offloads()) out.offloads.push_back(text(offload));
    for (const std::string& program : interface.programs()) out.programs.push_back(text(program));
  }
  return to;
}

Hook to_wire(paceline::Hook hook) {
  switch (hook) {
    case paceline::Hook::tcx: return HOOK_TCX;
    case paceline::Hook::clsact: return HOOK_CLSACT;
    case paceline::Hook::netstamp: return HOOK_NETSTAMP;
    case paceline::Hook::none: return HOOK_NONE;
  }
  return HOOK_UNSPECIFIED;
}

paceline::Hook from_wire(Hook hook) {
  switch (hook) {
    case HOOK_TCX: return paceline::Hook::tcx;
    case HOOK_CLSACT: return paceline::Hook::clsact;
    case HOOK_NETSTAMP: return paceline::Hook::netstamp;
    case HOOK_NONE: return paceline::Hook::none;
    default: throw WireError("unknown hook");
  }
}

}  // namespace paceline::wire
