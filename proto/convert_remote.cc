// SPDX-License-Identifier: MIT
#include "proto/convert_remote.h"

#include <algorithm>
#include <string>

#include "proto/check.h"
#include "proto/convert.h"
#include "proto/convert_spec.h"

namespace paceline::wire {

namespace {

constexpr int kMaxCpus = 4096;
constexpr std::size_t kLongestHost = 255;
constexpr int kMaxFlows = static_cast<int>(paceline::RunSpec::kMaxFlows);

std::uint16_t port(std::uint32_t number) {
  require(number <= 65535, "port above 65535");
  return static_cast<std::uint16_t>(number);
}

/// A host's name or address: whatever it means, it can be shown.
std::string host(const std::string& from) {
  require(from.size() <= kLongestHost && std::ranges::all_of(from, [](char c) { return c > ' ' && c <= '~'; }),
          "host that is none");
  return from;
}

Family to_wire(paceline::Family family) {
  switch (family) {
    case paceline::Family::any: return FAMILY_ANY;
    case paceline::Family::ipv4: return FAMILY_IPV4;
    case paceline::Family::ipv6: return FAMILY_IPV6;
  }
  return FAMILY_ANY;
}

paceline::Family from_wire(Family family) {
  switch (family) {
    case FAMILY_ANY: return paceline::Family::any;
    case FAMILY_IPV4: return paceline::Family::ipv4;
    case FAMILY_IPV6: return paceline::Family::ipv6;
    default: throw WireError("unknown family of addresses");
  }
}

ClockPolicy to_wire(paceline::ClockPolicy clock) {
  return clock == paceline::ClockPolicy::estimate ? CLOCK_POLICY_ESTIMATE : CLOCK_POLICY_SYNCHRONIZED;
}

paceline::ClockPolicy from_wire(ClockPolicy clock) {
  switch (clock) {
    case CLOCK_POLICY_ESTIMATE: return paceline::ClockPolicy::estimate;
    case CLOCK_POLICY_SYNCHRONIZED: return paceline::ClockPolicy::synchronized;
    default: throw WireError("unknown source of a common clock");
  }
}

void to_wire(const paceline::Target& from, Target& to) {
  to.set_host(from.receiver.host);
  to.set_port(from.receiver.port);
  if (from.data_port) to.set_data_port(*from.data_port);
}

paceline::Target from_wire(const Target& from) {
  paceline::Target to{{host(from.host()), port(from.port())}, {}};
  if (from.has_data_port()) to.data_port = port(from.data_port());
  return to;
}

void to_wire(const paceline::FlowSpec& from, FlowSpec& to) {
  if (const auto* packets = std::get_if<paceline::PacketFlowSpec>(&from)) to_wire(*packets, *to.mutable_packets());
  if (const auto* tcp = std::get_if<paceline::TcpFlowSpec>(&from)) to_wire(*tcp, *to.mutable_tcp());
  if (const auto* connections = std::get_if<paceline::ConnectionFlowSpec>(&from))
    to_wire(*connections, *to.mutable_connections());
}

paceline::FlowSpec from_wire(const FlowSpec& from) {
  switch (from.flow_case()) {
    case FlowSpec::kPackets: return from_wire(from.packets());
    case FlowSpec::kTcp: return from_wire(from.tcp());
    case FlowSpec::kConnections: return from_wire(from.connections());
    default: throw WireError("an unknown kind of flow");
  }
}

void to_wire(const paceline::WorkerSpec& from, WorkerSpec& to) {
  to.set_count(from.count);
  for (const std::uint32_t cpu : from.cpus) to.add_cpus(cpu);
  to.set_fifo_priority(static_cast<std::uint32_t>(from.fifo_priority));
}

paceline::WorkerSpec from_wire(const WorkerSpec& from) {
  paceline::WorkerSpec to;
  to.count = from.count();
  require(from.cpus_size() <= kMaxCpus, "more CPUs than a machine has");
  to.cpus.assign(from.cpus().begin(), from.cpus().end());
  require(from.fifo_priority() <= 99, "SCHED_FIFO priority above 99");
  to.fifo_priority = static_cast<int>(from.fifo_priority());
  return to;
}

}  // namespace

void to_wire(const paceline::RunSpec& from, RunSpec& to) {
  to_wire(paceline::Target{from.receiver, from.data_port}, *to.mutable_receiver());
  for (const auto& [flow, target] : from.elsewhere) {
    FlowTarget& other = *to.add_elsewhere();
    other.set_flow(static_cast<std::uint32_t>(flow));
    to_wire(target, *other.mutable_target());
  }
  if (from.listen) to.set_listen(*from.listen);
  to.set_dial_limit(from.dial_limit.count());
  to.set_family(to_wire(from.family));
  if (from.key) to.set_key_name(from.key->name);
  to.set_clock(to_wire(from.clock));
  for (const auto& flow : from.flows) to_wire(flow, *to.add_flows());
  for (const auto& slice : from.slices) to_wire(slice, *to.add_slices());
  to.set_title(from.title);
  to.set_source(from.source);
  to.set_source_port(from.source_port);
  if (from.flow_label) to.set_flow_label(*from.flow_label);
  to_wire(from.workers, *to.mutable_workers());
}

paceline::RunSpec from_wire(const RunSpec& from) {
  paceline::RunSpec to;
  const paceline::Target target = from_wire(from.receiver());
  to.receiver = target.receiver;
  to.data_port = target.data_port;
  require(from.flows_size() <= kMaxFlows && from.slices_size() <= kMaxFlows && from.elsewhere_size() <= kMaxFlows,
          "run of more flows than it can have");
  for (const auto& other : from.elsewhere()) {
    require(other.flow() < static_cast<std::uint32_t>(from.flows_size()),
            "target of a flow that the run does not have");
    require(to.elsewhere.emplace(other.flow(), from_wire(other.target())).second, "second target of a flow");
  }
  if (from.has_listen()) to.listen = port(from.listen());
  require(from.dial_limit() >= 0, "wait that ends before it starts");
  to.dial_limit = nanoseconds{from.dial_limit()};
  to.family = from_wire(from.family());
  require(from.key_name().size() <= Key::kMaxName, "name of a key that is too long");
  if (!from.key_name().empty()) to.key = Key{text(from.key_name()), ""};
  to.clock = from_wire(from.clock());
  to.flows.clear();
  for (const auto& flow : from.flows()) to.flows.push_back(from_wire(flow));
  for (const auto& slice : from.slices()) {
    to.slices.push_back(from_wire(slice));
    for (const std::size_t flow : to.slices.back().flows)
      require(flow < to.flows.size(), "slice of a flow that the run does not have");
  }
  to.title = verbatim(from.title());
  to.source = host(from.source());
  to.source_port = port(from.source_port());
  if (from.has_flow_label()) to.flow_label = from.flow_label();
  to.workers = from_wire(from.workers());
  return to;
}

}  // namespace paceline::wire
