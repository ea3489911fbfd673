// SPDX-License-Identifier: MIT
#include "receiver/metrics.h"

#include <fmt/format.h>

#include <algorithm>

#include "paceline/version.h"
#include "receiver/limit_names.h"
#include "receiver/process_figures.h"

namespace paceline::receiver {

namespace {

constexpr std::size_t kPackets = 0, kTcp = 1, kConnections = 2;
static_assert(std::is_same_v<std::variant_alternative_t<kPackets, FlowResult>, PacketFlowResult> &&
              std::is_same_v<std::variant_alternative_t<kTcp, FlowResult>, TcpFlowResult> &&
              std::is_same_v<std::variant_alternative_t<kConnections, FlowResult>, ConnectionFlowResult>);
constexpr std::array<const char*, 3> kKindNames{"packets", "tcp", "connections"};

constexpr char kExpectedHelp[] = "Packets that arrived or are taken for lost: 1 - received/expected is the loss.";
constexpr char kReceivedBytesHelp[] = "Payload that arrived.";
constexpr char kWrittenBytesHelp[] = "Payload that this end wrote to TCP (reverse flows).";

constexpr const char* kComplete = "complete";
constexpr const char* kPartial = "partial";
constexpr const char* kUnknown = "unknown";

std::uint32_t id_of(const FlowResult& flow) {
  return std::visit([](const auto& result) { return result.flow_id; }, flow);
}

std::string name_of(std::string_view what) { return "paceline_" + std::string(what); }

Labels delay_labels(std::size_t kind, const SegmentEnds& segment) {
  return {{"kind", kKindNames[kind]},
          {"from", std::string(to_string(segment.from))},
          {"to", std::string(to_string(segment.to))}};
}

}  // namespace

// ------------------------------------------------------------------------------------------------ what is told

void Metrics::stamping(Hook hook, const std::vector<std::string>& interfaces, const std::string&) {
  const std::scoped_lock lock(mutex_);
  hook_ = to_string(hook);
  interfaces_ = fmt::format("{}", fmt::join(interfaces, ","));
}

void Metrics::dial_failed(const std::string&, const std::string&) {
  const std::scoped_lock lock(mutex_);
  ++dial_failures_;
}

void Metrics::session_opened(const std::string&) {
  const std::scoped_lock lock(mutex_);
  ++sessions_.now, ++sessions_.total;
}

void Metrics::session_closed(const std::string&, const std::string&) {
  const std::scoped_lock lock(mutex_);
  --sessions_.now;
}

void Metrics::follower_opened(const std::string&) {
  const std::scoped_lock lock(mutex_);
  ++followers_.now, ++followers_.total;
}

void Metrics::follower_closed(const std::string&, const std::string&) {
  const std::scoped_lock lock(mutex_);
  --followers_.now;
}

void Metrics::flow_started(const FlowResult& flow) {
  const std::scoped_lock lock(mutex_);
  Flow started;
  started.kind = flow.index();
  started.listed = room_for_one(std::chrono::steady_clock::now());
  ++kinds_[flow.index()].started;
  unlisted_ += started.listed ? 0 : 1;
  flows_.insert_or_assign(id_of(flow), started);
}

/// Whether one more flow may have series; one that has ended makes room. Those that have ended long ago go.
bool Metrics::room_for_one(Time now) {
  std::erase_if(flows_, [now](const auto& flow) { return flow.second.over && now - flow.second.ended > kKept; });
  const auto listed = [](const auto& flow) { return flow.second.listed; };
  if (static_cast<std::size_t>(std::ranges::count_if(flows_, listed)) < kMostFlows) return true;
  auto oldest = flows_.end();
  for (auto flow = flows_.begin(); flow != flows_.end(); ++flow) {
    if (flow->second.over && (oldest == flows_.end() || flow->second.ended < oldest->second.ended)) oldest = flow;
  }
  if (oldest == flows_.end()) return false;
  flows_.erase(oldest);
  return true;
}

void Metrics::interval(std::uint32_t flow_id, const PacketInterval& interval) {
  const std::scoped_lock lock(mutex_);
  kinds_[kPackets].figures.add(interval);
  const auto flow = flows_.find(flow_id);
  if (flow != flows_.end() && flow->second.listed) flow->second.figures.add(interval);
}

void Metrics::interval(std::uint32_t flow_id, const TcpInterval& interval) {
  const std::scoped_lock lock(mutex_);
  kinds_[kTcp].figures.add(interval);
  const auto flow = flows_.find(flow_id);
  if (flow != flows_.end() && flow->second.listed) flow->second.figures.add(interval);
}

void Metrics::flow_finished(const FlowResult& result) {
  if (const auto* packets = std::get_if<PacketFlowResult>(&result)) {
    const std::scoped_lock lock(mutex_);
    kinds_[kPackets].lost.add(packets->received.lost);
  } else if (const auto* connections = std::get_if<ConnectionFlowResult>(&result)) {
    const std::scoped_lock lock(mutex_);
    answered_ += connections->answered;
  }
  flow_over(id_of(result), is_complete(result) ? kComplete : kPartial, std::chrono::steady_clock::now());
}

void Metrics::flow_gone(std::uint32_t flow_id) { flow_over(flow_id, kUnknown, std::chrono::steady_clock::now()); }

void Metrics::flow_over(std::uint32_t flow_id, const std::string& end, Time now) {
  const std::scoped_lock lock(mutex_);
  const auto found = flows_.find(flow_id);
  if (found == flows_.end() || found->second.over) return;
  Flow& flow = found->second;
  ++kinds_[flow.kind].ended[end];
  flow.over = true;
  flow.ended = now;
  if (flow.listed) return;
  --unlisted_;
  flows_.erase(found);
}

void Metrics::refused(const std::string&, const std::string& reason) {
  const std::scoped_lock lock(mutex_);
  ++refused_[limit_named_in(reason)];
}

void Metrics::draining(std::uint32_t, std::uint32_t) {
  const std::scoped_lock lock(mutex_);
  draining_ = true;
}

void Metrics::status(const ReceiverStatus& status) {
  const std::scoped_lock lock(mutex_);
  status_ = status;
}

void Metrics::warning(const std::string&) {
  const std::scoped_lock lock(mutex_);
  ++warnings_;
}

// ------------------------------------------------------------------------------------------------ what is shown

std::string Metrics::text(Time now) const {
  MetricsText text;
  write_process(text);
  const std::scoped_lock lock(mutex_);
  write_service(text);
  write_sums(text);
  write_flows(text, now);
  return text.take();
}

void Metrics::write_process(MetricsText& text) const {
  const ProcessFigures process = read_process_figures();
  text.gauge("paceline_build_info", "The program's version.");
  text.sample(std::uint64_t{1}, {{"version", std::string(kVersion)}});
  text.gauge("process_resident_memory_bytes", "Memory in RAM.");
  text.sample(process.resident_bytes);
  text.gauge("process_virtual_memory_bytes", "Address space.");
  text.sample(process.virtual_bytes);
  text.gauge("process_open_fds", "Open descriptors.");
  text.sample(process.open_descriptors);
  text.gauge("process_max_fds", "Descriptors that may be open.");
  text.sample(process.most_descriptors);
  text.gauge("process_threads", "Threads.");
  text.sample(process.threads);
  text.counter("process_cpu_seconds_total", "CPU time, user and system.");
  text.sample(process.cpu_seconds);
  text.gauge("process_start_time_seconds", "When it began, Unix time.");
  text.sample(process.start_seconds);
}

void Metrics::write_service(MetricsText& text) const {
  text.gauge("paceline_stamping_info", "The best rung of receive stamps that is in place, and where.");
  text.sample(std::uint64_t{1}, {{"hook", hook_}, {"interfaces", interfaces_}});
  text.gauge("paceline_draining", "1 while it is being shut down.");
  text.sample(std::uint64_t{draining_ ? 1U : 0U});
  text.gauge("paceline_sessions", "Senders that are served.");
  text.sample(sessions_.now);
  text.counter("paceline_sessions_opened_total", "Senders that have been served.");
  text.sample(sessions_.total);
  text.gauge("paceline_followers", "Followers that are served.");
  text.sample(followers_.now);
  text.counter("paceline_followers_opened_total", "Followers that have been served.");
  text.sample(followers_.total);
  text.counter("paceline_refused_total", "Sessions, followers and flows that were turned away, by the limit they met.");
  for (const std::string_view limit : kLimitNames) {
    const auto found = refused_.find(std::string(limit));
    text.sample(found == refused_.end() ? 0 : found->second, {{"limit", std::string(limit)}});
  }
  const auto other = refused_.find("other");
  text.sample(other == refused_.end() ? 0 : other->second, {{"limit", "other"}});
  text.counter("paceline_dial_failures_total", "Senders that could not be dialled, by new reasons.");
  text.sample(dial_failures_);
  text.counter("paceline_warnings_total", "Warnings in the log.");
  text.sample(warnings_);
  text.counter("paceline_probes_answered_total", "Probes of the data path that were answered.");
  text.sample(status_.probes_answered);
  text.counter("paceline_data_socket_drops_total", "Datagrams that the data sockets had no room for.");
  text.sample(status_.data_socket_drops);
  text.counter("paceline_stray_datagrams_total", "Datagrams at the data port of no flow that there is.");
  text.sample(status_.stray_datagrams);
}

void Metrics::write_sums(MetricsText& text) const {
  const auto each_kind = [&](const auto& value) {
    for (std::size_t i = 0; i < kKinds; ++i) text.sample(value(i), {{"kind", kKindNames[i]}});
  };
  text.gauge("paceline_flows", "Flows that run.");
  each_kind([&](std::size_t kind) {
    return static_cast<std::uint64_t>(std::ranges::count_if(
        flows_, [kind](const auto& flow) { return flow.second.kind == kind && !flow.second.over; }));
  });
  text.gauge("paceline_flows_unlisted", "Flows that run and have no series of their own.");
  text.sample(unlisted_);
  text.counter("paceline_flows_started_total", "Flows that have begun.");
  each_kind([&](std::size_t kind) { return kinds_[kind].started; });
  text.counter("paceline_flows_ended_total", "Flows that are over, by what became of them.");
  for (std::size_t i = 0; i < kKinds; ++i) {
    for (const char* end : {kComplete, kPartial, kUnknown}) {
      const auto found = kinds_[i].ended.find(end);
      text.sample(found == kinds_[i].ended.end() ? 0 : found->second, {{"kind", kKindNames[i]}, {"end", end}});
    }
  }

  const FlowFigures& packets = kinds_[kPackets].figures;
  for (std::size_t i = 0; i < kPacketCounts.size(); ++i) {
    text.counter(name_of(kPacketCounts[i].name), kPacketCounts[i].help);
    text.sample(packets.packets[i]);
  }
  text.counter("paceline_expected_packets_total", kExpectedHelp);
  text.sample(packets.expected.value());
  text.counter("paceline_lost_packets_total", "Packets that never arrived, of flows that are over.");
  text.sample(kinds_[kPackets].lost.value());
  text.counter("paceline_received_bytes_total", kReceivedBytesHelp);
  for (const std::size_t kind : {kPackets, kTcp})
    text.sample(kinds_[kind].figures.received_bytes, {{"kind", kKindNames[kind]}});
  text.counter("paceline_written_bytes_total", kWrittenBytesHelp);
  text.sample(kinds_[kTcp].figures.written_bytes);
  text.counter("paceline_exchanges_answered_total", "Requests on connections of their own, of flows that are over.");
  text.sample(answered_);

  text.histogram("paceline_delay_seconds",
                 "One-way delay between two points, of all flows; TCP: of granules of 64 KiB.");
  for (std::size_t i = 0; i < kSegmentCount; ++i) text.sample(packets.delays[i], delay_labels(kPackets, kSegments[i]));
  text.sample(kinds_[kTcp].figures.delays.back(), delay_labels(kTcp, kSegments.back()));
}

void Metrics::write_flows(MetricsText& text, Time now) const {
  std::vector<std::pair<Labels, const FlowFigures*>> packets, tcp;
  for (const auto& [id, flow] : flows_) {
    if (!flow.listed || (flow.over && now - flow.ended > kKept)) continue;
    if (flow.kind == kPackets) packets.push_back({{{"flow", fmt::format("{:08x}", id)}}, &flow.figures});
    if (flow.kind == kTcp) tcp.push_back({{{"flow", fmt::format("{:08x}", id)}}, &flow.figures});
  }
  for (std::size_t i = 0; i < kPacketCounts.size() && !packets.empty(); ++i) {
    text.counter(name_of("flow_" + std::string(kPacketCounts[i].name)), kPacketCounts[i].help);
    for (const auto& [labels, figures] : packets) text.sample(figures->packets[i], labels);
  }
  if (!packets.empty()) {
    text.counter("paceline_flow_expected_packets_total", kExpectedHelp);
    for (const auto& [labels, figures] : packets) text.sample(figures->expected.value(), labels);
    text.histogram("paceline_flow_delay_seconds", "One-way delay of a flow, tx.user to rx.user.");
    for (const auto& [labels, figures] : packets) text.sample(figures->delays.front(), labels);
  }
  if (!packets.empty() || !tcp.empty()) {
    text.counter("paceline_flow_received_bytes_total", kReceivedBytesHelp);
    for (const auto& [labels, figures] : packets) text.sample(figures->received_bytes, labels);
    for (const auto& [labels, figures] : tcp) text.sample(figures->received_bytes, labels);
  }
  if (!tcp.empty()) {
    text.counter("paceline_flow_written_bytes_total", kWrittenBytesHelp);
    for (const auto& [labels, figures] : tcp) text.sample(figures->written_bytes, labels);
  }
}

}  // namespace paceline::receiver
