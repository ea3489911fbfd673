// SPDX-License-Identifier: MIT
#include "sender/validate_run.h"

#include <algorithm>
#include <string>
#include <variant>

#include "paceline/error.h"
#include "paceline/validate.h"
#include "sender/sessions.h"
#include "traffic/address.h"

namespace paceline::sender {

namespace {

std::string flow_name(std::size_t flow) { return "flow " + std::to_string(flow + 1); }

void validate_target(const Target& target, const std::string& whose) {
  if (target.receiver.host.empty()) throw UsageError(whose + "no receiver: give its HOST[:PORT]");
  if (target.receiver.port == 0) throw UsageError(whose + "the receiver's port is 0: it must be 1 to 65535");
  if (target.data_port && *target.data_port == 0) throw UsageError(whose + "the data port is 0: it must be 1 to 65535");
}

void validate_targets(const RunSpec& spec) {
  for (const auto& [flow, target] : spec.elsewhere) {
    if (flow >= spec.flows.size())
      throw UsageError("a receiver is named for " + flow_name(flow) + ": the run has " +
                       std::to_string(spec.flows.size()) + " flows");
    validate_target(target, flow_name(flow) + ": ");
  }
  if (spec.elsewhere.size() < spec.flows.size()) validate_target({spec.receiver, spec.data_port}, "");
}

/// What a receiver that can only dial out cannot do.
std::string beyond_passive(const FlowSpec& flow) {
  if (std::holds_alternative<ConnectionFlowSpec>(flow))
    return "makes ever new connections (connections), and none gets in to a receiver that dials in (--listen)";
  const auto* packets = std::get_if<PacketFlowSpec>(&flow);
  if (packets == nullptr) return {};
  if (packets->transport == Transport::icmp)
    return "sends echo requests (icmp), and none gets in to a receiver that dials in (--listen)";
  if (packets->transport == Transport::sctp)
    return "is over sctp: a receiver that dials in (--listen) takes udp and tcp";
  return {};
}

void validate_passive(const RunSpec& spec) {
  if (*spec.listen == 0) throw UsageError("the port to listen on is 0: it must be 1 to 65535");
  if (spec.tls && spec.tls->name.empty())
    throw UsageError(
        "a receiver that dials in has no name that its certificate could be held against: give --tls-name");
  if (spec.dial_limit <= nanoseconds{0}) throw UsageError("the time to wait for a receiver is 0: it must be above");
  if (!spec.elsewhere.empty()) throw UsageError("one receiver dials in (--listen): flows cannot go to several");
  if (spec.data_port)
    throw UsageError("a data port is of no use when the receiver dials in (--listen): it finds the way by itself");
  for (std::size_t flow = 0; flow < spec.flows.size(); ++flow) {
    const std::string why = beyond_passive(spec.flows[flow]);
    if (!why.empty()) throw UsageError(flow_name(flow) + " " + why);
  }
}

void validate_source(const RunSpec& spec) {
  if (!spec.source.empty()) {
    const bool ipv4 = traffic::Address::parse(spec.source, 0).is_v4();
    if (spec.family == (ipv4 ? Family::ipv6 : Family::ipv4))
      throw UsageError("the source address " + spec.source + " is not of the family asked for");
  }
  if (spec.source_port != 0 && spec.source_port + sockets_of(spec) - 1 > 65535)
    throw UsageError("source ports from " + std::to_string(spec.source_port) + " on are too few for the run's " +
                     std::to_string(sockets_of(spec)) + " sockets");
  if (spec.flow_label && (*spec.flow_label == 0 || *spec.flow_label > 0xFFFFF))
    throw UsageError("the flow label is " + std::to_string(*spec.flow_label) + ": it must be 1 to 1048575 (20 bits)");
}

}  // namespace

std::uint32_t sockets_of(const FlowSpec& flow) {
  const auto* tcp = std::get_if<TcpFlowSpec>(&flow);
  return tcp ? tcp->streams : 1;
}

std::uint32_t sockets_of(const RunSpec& spec) {
  std::uint32_t sum = 0;
  for (const FlowSpec& flow : spec.flows) sum += sockets_of(flow);
  return sum;
}

std::size_t records_of(const RunSpec& spec) {
  return static_cast<std::size_t>(std::ranges::count_if(spec.flows, [](const FlowSpec& flow) {
    return std::holds_alternative<PacketFlowSpec>(flow) && needs_receiver(flow);
  }));
}

void validate_run(const RunSpec& spec) {
  if (spec.flows.empty() || spec.flows.size() > RunSpec::kMaxFlows)
    throw UsageError("a run has 1 to " + std::to_string(RunSpec::kMaxFlows) + " flows, not " +
                     std::to_string(spec.flows.size()));
  if (spec.listen) {
    validate_passive(spec);
  } else {
    validate_targets(spec);
  }
  for (const FlowSpec& flow : spec.flows) validate(flow);
  for (const SliceSpec& slice : spec.slices) validate(slice, spec.flows.size());
  if (spec.title.size() > RunSpec::kMaxTitle)
    throw UsageError("the title has " + std::to_string(spec.title.size()) + " bytes: at most " +
                     std::to_string(RunSpec::kMaxTitle) + " are carried");
  if (!spec.record.empty() && records_of(spec) == 0)
    throw UsageError("there is nothing to record (--record): the run has no flow of packets that a receiver takes");
  validate_source(spec);
  if (spec.workers.fifo_priority < 0 || spec.workers.fifo_priority > 99)
    throw UsageError("the SCHED_FIFO priority is " + std::to_string(spec.workers.fifo_priority) +
                     ": it must be 1 to 99, or 0 for none");
}

}  // namespace paceline::sender
