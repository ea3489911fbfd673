// SPDX-License-Identifier: MIT
#include "decoder/udp_sum.h"

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

void add(UdpInterval& total, const UdpInterval& more) {
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

UdpFlowSpec sum(const std::vector<UdpFlowSpec>& flows) {
  UdpFlowSpec total = flows.front();
  total.rate_pps = 0;
  for (const UdpFlowSpec& flow : flows) total.rate_pps += flow.rate_pps;
  return total;
}

UdpFlowResult sum(const std::vector<const UdpFlowResult*>& flows) {
  UdpFlowResult total = *flows.front();
  std::size_t incomplete = total.complete ? 0 : 1;
  double pps = rate_pps(total.sent.packets, total.sent.span);
  for (std::size_t i = 1; i < flows.size(); ++i) {
    const UdpFlowResult& more = *flows[i];
    total.spec.rate_pps += more.spec.rate_pps;
    add(total.sent, more.sent);
    pps += rate_pps(more.sent.packets, more.sent.span);
    if (more.received.packets > 0)
      widen(total.first_arrival, total.last_arrival, total.received.packets > 0, more.first_arrival, more.last_arrival);
    total.received.lost_in_socket = std::max(total.received.lost_in_socket, more.received.lost_in_socket);
    total.socket_flows = std::max(total.socket_flows, more.socket_flows);
    add(total.received, more.received);
    add(total.statistics, more.statistics);
    total.arrivals.skbs += more.arrivals.skbs;
    total.arrivals.at_hook += more.arrivals.at_hook;
    total.arrivals.coalesced |= more.arrivals.coalesced;
    if (!more.complete && ++incomplete == 1) total.incomplete_reason = more.incomplete_reason;
  }
  if (pps > 0) total.sent.span = nanoseconds{std::llround(static_cast<double>(total.sent.packets - 1) * 1e9 / pps)};
  total.complete = incomplete == 0;
  if (incomplete > 0)
    total.incomplete_reason = std::to_string(incomplete) + " of the flows; the first: " + total.incomplete_reason;
  return total;
}

std::vector<UdpInterval> UdpRowSum::add(const UdpInterval& row) {
  if (row.last) ended_.push_back(row.index);
  const auto [at, first] = waiting_.try_emplace(row.index, Waiting{row, 0});
  if (!first) decoder::add(at->second.sum, row);
  ++at->second.told;
  std::vector<UdpInterval> sums;
  while (!waiting_.empty() && (whole(waiting_.begin()->second) || waiting_.size() > kMost)) sums.push_back(give_out());
  return sums;
}

std::vector<UdpInterval> UdpRowSum::rest() {
  std::vector<UdpInterval> sums;
  while (!waiting_.empty()) sums.push_back(give_out());
  return sums;
}

bool UdpRowSum::whole(const Waiting& waiting) const {
  const auto over = std::ranges::count_if(ended_, [&](std::uint64_t last) { return last < waiting.sum.index; });
  return waiting.told + static_cast<std::size_t>(over) >= flows_;
}

UdpInterval UdpRowSum::give_out() {
  UdpInterval sum = std::move(waiting_.begin()->second.sum);
  waiting_.erase(waiting_.begin());
  return sum;
}

}  // namespace paceline::decoder
