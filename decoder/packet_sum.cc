// SPDX-License-Identifier: MIT
#include "decoder/packet_sum.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace paceline::decoder {

namespace {

void add(Received& total, const Received& more) {
  total.packets += more.packets;
  total.bytes += more.bytes;
  total.lost += more.lost;
  total.duplicated += more.duplicated;
  total.reordered += more.reordered;
  total.beyond_window += more.beyond_window;
  total.unbound += more.unbound;
  total.invalid += more.invalid;
  total.stamped += more.stamped;
  total.missed += more.missed;
}

void add(Statistics& total, const Statistics& more) {
  for (std::size_t i = 0; i < kSegmentCount; ++i) total.segments[i].merge(more.segments[i]);
  total.ipdv.merge(more.ipdv);
  total.jitter.merge(more.jitter);
}

// The span of two spans, of which one may have held nothing.
void widen(nanoseconds& first, nanoseconds& last, bool any, nanoseconds other_first, nanoseconds other_last) {
  first = any ? std::min(first, other_first) : other_first;
  last = any ? std::max(last, other_last) : other_last;
}

void add(Sent& total, const Sent& more) {
  total.packets += more.packets;
  total.bytes += more.bytes;
  total.omitted += more.omitted;
  total.sends += more.sends;
  total.missed_slots += more.missed_slots;
  total.send_retries += more.send_retries;
  total.send_errors += more.send_errors;
  total.lateness.merge(more.lateness);
}

void add(std::optional<RoundTrip>& total, const std::optional<RoundTrip>& more) {
  if (!total || !more) {
    if (!total) total = more;
    return;
  }
  if (more->received.packets > 0)
    widen(total->first_arrival, total->last_arrival, total->received.packets > 0, more->first_arrival,
          more->last_arrival);
  total->received.lost_in_socket += more->received.lost_in_socket;  // each has a socket of its own
  add(total->received, more->received);
  add(total->statistics, more->statistics);
}

void add(PacketInterval& total, const PacketInterval& more) {
  total.end = std::max(total.end, more.end);
  total.last = total.last && more.last;
  if (more.received.packets > 0)
    widen(total.first_arrival, total.last_arrival, total.received.packets > 0, more.first_arrival, more.last_arrival);
  // The sockets of several flows are shared: each tells of all, so these do not add up.
  total.received.lost_in_socket = std::max(total.received.lost_in_socket, more.received.lost_in_socket);
  add(total.received, more.received);
  total.corrections.insert(total.corrections.end(), more.corrections.begin(), more.corrections.end());
  add(total.statistics, more.statistics);
}

}  // namespace

PacketFlowSpec sum(const std::vector<PacketFlowSpec>& flows) {
  PacketFlowSpec total = flows.front();
  total.rate_pps = 0;
  for (const PacketFlowSpec& flow : flows) total.rate_pps += flow.rate_pps;
  return total;
}

PacketFlowResult sum(const std::vector<const PacketFlowResult*>& flows) {
  PacketFlowResult total = *flows.front();
  std::size_t incomplete = total.complete ? 0 : 1;
  double pps = rate_pps(total.sent.packets, total.sent.span);
  double due = rate_pps(total.sent.packets, total.sent.due_span);
  total.sent.drawn.reset();  // of as many models
  for (std::size_t i = 1; i < flows.size(); ++i) {
    const PacketFlowResult& more = *flows[i];
    total.spec.rate_pps += more.spec.rate_pps;
    add(total.sent, more.sent);
    pps += rate_pps(more.sent.packets, more.sent.span);
    due += rate_pps(more.sent.packets, more.sent.due_span);
    if (more.received.packets > 0)
      widen(total.first_arrival, total.last_arrival, total.received.packets > 0, more.first_arrival, more.last_arrival);
    total.received.lost_in_socket = std::max(total.received.lost_in_socket, more.received.lost_in_socket);
    total.socket_flows = std::max(total.socket_flows, more.socket_flows);
    add(total.received, more.received);
    add(total.statistics, more.statistics);
    add(total.round_trip, more.round_trip);
    total.echoes_unsent += more.echoes_unsent;
    total.arrivals.skbs += more.arrivals.skbs;
    total.arrivals.at_hook += more.arrivals.at_hook;
    total.arrivals.coalesced |= more.arrivals.coalesced;
    if (!more.complete && ++incomplete == 1) total.incomplete_reason = more.incomplete_reason;
  }
  const auto span_of = [&](double rate) {
    return nanoseconds{rate > 0 ? std::llround(static_cast<double>(total.sent.packets - 1) * 1e9 / rate) : 0};
  };
  total.sent.span = span_of(pps);
  total.sent.due_span = span_of(due);
  total.complete = incomplete == 0;
  if (incomplete > 0)
    total.incomplete_reason = std::to_string(incomplete) + " of the flows; the first: " + total.incomplete_reason;
  return total;
}

std::vector<PacketInterval> PacketRowSum::add(const PacketInterval& row) {
  if (row.last) ended_.push_back(row.index);
  const auto [at, first] = waiting_.try_emplace(row.index, Waiting{row, 0});
  if (!first) decoder::add(at->second.sum, row);
  ++at->second.told;
  std::vector<PacketInterval> sums;
  while (!waiting_.empty() && (whole(waiting_.begin()->second) || waiting_.size() > kMost)) sums.push_back(give_out());
  return sums;
}

std::vector<PacketInterval> PacketRowSum::rest() {
  std::vector<PacketInterval> sums;
  while (!waiting_.empty()) sums.push_back(give_out());
  return sums;
}

bool PacketRowSum::whole(const Waiting& waiting) const {
  const auto over = std::ranges::count_if(ended_, [&](std::uint64_t last) { return last < waiting.sum.index; });
  return waiting.told + static_cast<std::size_t>(over) >= flows_;
}

PacketInterval PacketRowSum::give_out() {
  PacketInterval sum = std::move(waiting_.begin()->second.sum);
  waiting_.erase(waiting_.begin());
  return sum;
}

}  // namespace paceline::decoder
