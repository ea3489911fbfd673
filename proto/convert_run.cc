// SPDX-License-Identifier: MIT
//
// Whole runs: connection flows' results, flows of any kind, slices.
#include <cmath>
#include <string>

#include "paceline/sender.h"
#include "proto/check.h"
#include "proto/convert.h"
#include "proto/convert_spec.h"

namespace paceline::wire {

namespace {

constexpr int kMaxFlows = static_cast<int>(RunSpec::kMaxFlows);
constexpr int kMaxSlices = kMaxFlows;
constexpr int kMaxObjectives = 256;

void to_wire(const paceline::Exchanges& from, Exchanges& to) {
  to.set_started(from.started);
  to.set_completed(from.completed);
  for (const std::uint64_t failed : from.failed) to.add_failed(failed);
  to.set_missed_slots(from.missed_slots);
  to_wire(from.connect, *to.mutable_connect());
  to_wire(from.first_packet, *to.mutable_first_packet());
  to_wire(from.whole, *to.mutable_whole());
  to_wire(from.lateness, *to.mutable_lateness());
}

paceline::Exchanges from_wire(const Exchanges& from) {
  paceline::Exchanges to;
  to.started = from.started();
  to.completed = from.completed();
  require(from.failed_size() == static_cast<int>(kConnectionFailures), "exchanges without a count of each failure");
  for (int i = 0; i < from.failed_size(); ++i) to.failed[static_cast<std::size_t>(i)] = from.failed(i);
  to.missed_slots = from.missed_slots();
  to.connect = from_wire(from.connect());
  to.first_packet = from_wire(from.first_packet());
  to.whole = from_wire(from.whole());
  to.lateness = from_wire(from.lateness());
  return to;
}

Metric to_wire(paceline::Metric metric) {
  switch (metric) {
    case paceline::Metric::delay: return METRIC_DELAY;
    case paceline::Metric::round_trip: return METRIC_ROUND_TRIP;
    case paceline::Metric::ipdv: return METRIC_IPDV;
    case paceline::Metric::loss: return METRIC_LOSS;
    case paceline::Metric::throughput: return METRIC_THROUGHPUT;
    case paceline::Metric::jitter: return METRIC_JITTER;
    case paceline::Metric::lateness: return METRIC_LATENESS;
    case paceline::Metric::retransmits: return METRIC_RETRANSMITS;
    case paceline::Metric::connect: return METRIC_CONNECT;
    case paceline::Metric::exchange: return METRIC_EXCHANGE;
    case paceline::Metric::failures: return METRIC_FAILURES;
    case paceline::Metric::tx_user_rx_user: return METRIC_TX_USER_RX_USER;
    case paceline::Metric::tx_due_rx_user: return METRIC_TX_DUE_RX_USER;
    case paceline::Metric::tx_user_rx_tc: return METRIC_TX_USER_RX_TC;
    case paceline::Metric::rx_tc_rx_user: return METRIC_RX_TC_RX_USER;
  }
  return METRIC_UNSPECIFIED;
}

paceline::Metric from_wire(Metric metric) {
  switch (metric) {
    case METRIC_DELAY: return paceline::Metric::delay;
    case METRIC_ROUND_TRIP: return paceline::Metric::round_trip;
    case METRIC_IPDV: return paceline::Metric::ipdv;
    case METRIC_LOSS: return paceline::Metric::loss;
    case METRIC_THROUGHPUT: return paceline::Metric::throughput;
    case METRIC_JITTER: return paceline::Metric::jitter;
    case METRIC_LATENESS: return paceline::Metric::lateness;
    case METRIC_RETRANSMITS: return paceline::Metric::retransmits;
    case METRIC_CONNECT: return paceline::Metric::connect;
    case METRIC_EXCHANGE: return paceline::Metric::exchange;
    case METRIC_FAILURES: return paceline::Metric::failures;
    case METRIC_TX_USER_RX_USER: return paceline::Metric::tx_user_rx_user;
    case METRIC_TX_DUE_RX_USER: return paceline::Metric::tx_due_rx_user;
    case METRIC_TX_USER_RX_TC: return paceline::Metric::tx_user_rx_tc;
    case METRIC_RX_TC_RX_USER: return paceline::Metric::rx_tc_rx_user;
    default: throw WireError("unknown metric");
  }
}

Statistic to_wire(paceline::Statistic statistic) {
  switch (statistic) {
    case paceline::Statistic::value: return STATISTIC_VALUE;
    case paceline::Statistic::mean: return STATISTIC_MEAN;
    case paceline::Statistic::stddev: return STATISTIC_STDDEV;
    case paceline::Statistic::min: return STATISTIC_MIN;
    case paceline::Statistic::max: return STATISTIC_MAX;
    case paceline::Statistic::percentile: return STATISTIC_PERCENTILE;
  }
  return STATISTIC_UNSPECIFIED;
}

paceline::Statistic from_wire(Statistic statistic) {
  switch (statistic) {
    case STATISTIC_VALUE: return paceline::Statistic::value;
    case STATISTIC_MEAN: return paceline::Statistic::mean;
    case STATISTIC_STDDEV: return paceline::Statistic::stddev;
    case STATISTIC_MIN: return paceline::Statistic::min;
    case STATISTIC_MAX: return paceline::Statistic::max;
    case STATISTIC_PERCENTILE: return paceline::Statistic::percentile;
    default: throw WireError("unknown statistic");
  }
}

double finite(double value, const char* what) {
  require(std::isfinite(value), what);
  return value;
}

void to_wire(const paceline::Objective& from, Objective& to) {
  to.set_metric(to_wire(from.metric));
  to.set_statistic(to_wire(from.statistic));
  to.set_percentile(from.percentile);
  to.set_at_least(from.at_least);
  to.set_limit(from.limit);
}

paceline::Objective from_wire(const Objective& from) {
  require(from.percentile() >= 0 && from.percentile() <= 100, "objective about a percentile that is none");
  return {from_wire(from.metric()), from_wire(from.statistic()), from.percentile(), from.at_least(),
          finite(from.limit(), "objective without a limit")};
}

}  // namespace

void to_wire(const paceline::ConnectionInterval& from, ConnectionInterval& to) {
  to.set_index(from.index);
  to.set_start(from.start.count());
  to.set_end(from.end.count());
  to.set_last(from.last);
  to.set_omitted(from.omitted);
  to_wire(from.exchanges, *to.mutable_exchanges());
}

paceline::ConnectionInterval from_wire(const ConnectionInterval& from) {
  require_span(from.start(), from.end());
  return {from.index(),   nanoseconds{from.start()},  nanoseconds{from.end()}, from.last(),
          from.omitted(), from_wire(from.exchanges())};
}

void to_wire(const paceline::ConnectionFlowResult& from, ConnectionFlowResult& to) {
  to.set_flow_id(from.flow_id);
  to_wire(from.spec, *to.mutable_spec());
  to_wire(from.path, *to.mutable_path());
  to.set_complete(from.complete);
  to.set_incomplete_reason(from.incomplete_reason);
  to_wire(from.exchanges, *to.mutable_exchanges());
  to.set_answered(from.answered);
  to.set_span(from.span.count());
  to.set_concurrency(from.concurrency);
  to.set_intervals(from.intervals);
  to_wire(from.sender_cpu, *to.mutable_sender_cpu());
  to_wire(from.receiver_cpu, *to.mutable_receiver_cpu());
}

paceline::ConnectionFlowResult from_wire(const ConnectionFlowResult& from) {
  paceline::ConnectionFlowResult to;
  to.flow_id = from.flow_id();
  to.spec = from_wire(from.spec());
  to.path = from_wire(from.path());
  to.complete = from.complete();
  to.incomplete_reason = text(from.incomplete_reason());
  to.exchanges = from_wire(from.exchanges());
  to.answered = from.answered();
  require(from.span() >= 0, "exchanges of which the last was over before the first started");
  to.span = nanoseconds{from.span()};
  to.concurrency = from.concurrency();
  to.intervals = from.intervals();
  to.sender_cpu = from_wire(from.sender_cpu());
  to.receiver_cpu = from_wire(from.receiver_cpu());
  return to;
}

void to_wire(const paceline::FlowResult& from, FlowResult& to) {
  if (const auto* packets = std::get_if<paceline::PacketFlowResult>(&from)) to_wire(*packets, *to.mutable_packets());
  if (const auto* tcp = std::get_if<paceline::TcpFlowResult>(&from)) to_wire(*tcp, *to.mutable_tcp());
  if (const auto* connections = std::get_if<paceline::ConnectionFlowResult>(&from))
    to_wire(*connections, *to.mutable_connections());
}

paceline::FlowResult from_wire(const FlowResult& from) {
  switch (from.flow_case()) {
    case FlowResult::kPackets: return from_wire(from.packets());
    case FlowResult::kTcp: return from_wire(from.tcp());
    case FlowResult::kConnections: return from_wire(from.connections());
    default: throw WireError("result of an unknown kind of flow");
  }
}

void to_wire(const paceline::SliceSpec& from, SliceSpec& to) {
  to.set_name(from.name);
  for (const std::size_t flow : from.flows) to.add_flows(static_cast<std::uint32_t>(flow));
  for (const auto& objective : from.objectives) to_wire(objective, *to.add_objectives());
}

paceline::SliceSpec from_wire(const SliceSpec& from) {
  paceline::SliceSpec to;
  to.name = verbatim(from.name());
  require(from.flows_size() <= kMaxFlows, "slice of more flows than a run can have");
  for (const std::uint32_t flow : from.flows()) to.flows.push_back(flow);
  require(from.objectives_size() <= kMaxObjectives, "slice of more objectives than it can have");
  for (const auto& objective : from.objectives()) to.objectives.push_back(from_wire(objective));
  return to;
}

void to_wire(const paceline::SliceResult& from, SliceResult& to) {
  to_wire(from.spec, *to.mutable_spec());
  for (const auto& became : from.objectives) {
    ObjectiveResult& objective = *to.add_objectives();
    objective.set_measured(became.measured);
    objective.set_value(became.value);
    objective.set_met(became.met);
    objective.set_margin(became.margin);
    objective.set_reason(became.reason);
  }
}

paceline::SliceResult from_wire(const SliceResult& from) {
  paceline::SliceResult to;
  to.spec = from_wire(from.spec());
  require(from.objectives_size() == from.spec().objectives_size(), "slice without a result for each objective");
  for (int i = 0; i < from.objectives_size(); ++i) {
    const ObjectiveResult& became = from.objectives(i);
    paceline::ObjectiveResult objective;
    objective.objective = to.spec.objectives[static_cast<std::size_t>(i)];
    objective.measured = became.measured();
    objective.value = finite(became.value(), "objective whose value is no number");
    objective.met = became.met();
    require(!std::isnan(became.margin()), "objective whose margin is no number");
    objective.margin = became.margin();
    objective.reason = text(became.reason());
    to.objectives.push_back(std::move(objective));
  }
  return to;
}

void to_wire(const paceline::RunResult& from, RunResult& to) {
  to.set_version(from.version);
  to.set_title(from.title);
  to.set_started_at(from.started_at);
  to_wire(from.sender, *to.mutable_sender());
  to_wire(from.receiver, *to.mutable_receiver());
  for (const auto& flow : from.flows) to_wire(flow, *to.add_flows());
  for (const auto& slice : from.slices) to_wire(slice, *to.add_slices());
}

paceline::RunResult from_wire(const RunResult& from) {
  require(from.flows_size() <= kMaxFlows && from.slices_size() <= kMaxSlices, "run of more flows than it can have");
  paceline::RunResult to;
  to.version = text(from.version());
  to.title = verbatim(from.title());
  to.started_at = text(from.started_at());
  to.sender = from_wire(from.sender());
  to.receiver = from_wire(from.receiver());
  for (const auto& flow : from.flows()) to.flows.push_back(from_wire(flow));
  for (const auto& slice : from.slices()) {
    to.slices.push_back(from_wire(slice));
    for (const std::size_t flow : to.slices.back().spec.flows)
      require(flow < to.flows.size(), "slice of a flow that the run does not have");
  }
  return to;
}

}  // namespace paceline::wire
