// SPDX-License-Identifier: MIT
#include "receiver/admission.h"

#include <fmt/format.h>

#include <limits>

#include "paceline/validate.h"

namespace paceline::receiver {

namespace {

std::string number(double value) { return fmt::format("{}", value); }

double or_flat_out(double asked) { return asked > 0 ? asked : std::numeric_limits<double>::infinity(); }

Demand demand(const PacketFlowSpec& spec) {
  const double rate = or_flat_out(spec.rate_pps);
  return {rate, rate * spec.size * 8};
}
Demand demand(const TcpFlowSpec& spec) { return {0, or_flat_out(spec.bitrate_bps)}; }
Demand demand(const ConnectionFlowSpec& spec) { return {or_flat_out(spec.rate), 0}; }

/// Of one of a flow's two demands: `there` is what other flows have of the limit already.
std::string beyond(double asked, double there, double limit, const std::string& unit, const std::string& name) {
  if (limit == 0 || asked == 0 || asked + there <= limit) return {};
  const std::string what = "the receiver's limit of " + number(limit) + " " + unit + " (" + name + ")";
  if (asked == std::numeric_limits<double>::infinity())
    return "a flow as fast as can be is beyond " + what + ": give it a rate";
  return number(asked) + " " + unit +
         (there > 0 ? " more, beside " + number(there) + " granted already, are" : " are") + " above " + what;
}

std::string beyond_rates(const Demand& asked, const Demand& there, double rate_pps, double bitrate_bps,
                         const std::string& whose) {
  const std::string rate = beyond(asked.rate_pps, there.rate_pps, rate_pps, "packets/s", whose + "rate");
  return rate.empty() ? beyond(asked.bitrate_bps, there.bitrate_bps, bitrate_bps, "bit/s", whose + "bitrate") : rate;
}

std::string beyond_streams(const FlowSpec& spec, const ReceiverLimits& limits) {
  const auto* tcp = std::get_if<TcpFlowSpec>(&spec);
  if (tcp == nullptr || tcp->streams <= limits.streams) return {};
  return std::to_string(tcp->streams) + " streams are above the receiver's limit of " + std::to_string(limits.streams) +
         " (streams)";
}

std::string beyond_duration(nanoseconds asked, nanoseconds limit) {
  if (asked <= limit) return {};
  return "the duration, " + validation::seconds(asked) + " with its warm-up, is above the receiver's limit of " +
         validation::seconds(limit) + " (duration)";
}

Demand& operator+=(Demand& sum, const Demand& one) {
  sum.rate_pps += one.rate_pps;
  sum.bitrate_bps += one.bitrate_bps;
  return sum;
}

}  // namespace

Demand demand_of(const FlowSpec& spec) {
  return std::visit([](const auto& flow) { return demand(flow); }, spec);
}

std::string beyond_limits(const FlowSpec& spec, const ReceiverLimits& limits) {
  const auto lasts = std::visit([](const auto& flow) { return flow.omit + flow.duration; }, spec);
  for (const std::string& refusal : {beyond_duration(lasts, limits.duration), beyond_streams(spec, limits),
                                     beyond_rates(demand_of(spec), {}, limits.rate_pps, limits.bitrate_bps, "")}) {
    if (!refusal.empty()) return refusal;
  }
  return {};
}

std::string GrantedFlows::no_room(const asio::ip::address& client, const FlowSpec& spec,
                                  const ReceiverLimits& limits) const {
  std::uint32_t of_client = 0;
  Demand client_sum, sum;
  for (const auto& [id, flow] : flows_) {
    sum += flow.demand;
    if (flow.client != client) continue;
    ++of_client;
    client_sum += flow.demand;
  }
  if (flows_.size() >= limits.flows)
    return "the receiver has " + std::to_string(flows_.size()) + " flows, its limit (flows)";
  if (of_client >= limits.flows_per_client)
    return "the receiver has " + std::to_string(of_client) + " flows from your address, its limit (flows per client)";
  const Demand asked = demand_of(spec);
  const std::string refusal =
      beyond_rates(asked, client_sum, limits.client_rate_pps, limits.client_bitrate_bps, "client ");
  return refusal.empty() ? beyond_rates(asked, sum, limits.total_rate_pps, limits.total_bitrate_bps, "total ")
                         : refusal;
}

void GrantedFlows::add(std::uint32_t id, const asio::ip::address& client, const FlowSpec& spec) {
  flows_.insert_or_assign(id, Granted{client, demand_of(spec)});
}

}  // namespace paceline::receiver
