// SPDX-License-Identifier: MIT
#include "receiver/admission.h"

#include "paceline/validate.h"

namespace paceline::receiver {

namespace {

using validation::number;

std::string beyond_bitrate(double bitrate_bps, const ReceiverLimits& limits) {
  if (limits.bitrate_bps == 0) return {};
  const std::string limit = "the receiver's limit of " + number(limits.bitrate_bps) + " bit/s (bitrate)";
  if (bitrate_bps == 0) return "a flow as fast as can be is beyond " + limit + ": give it a rate";
  if (bitrate_bps > limits.bitrate_bps) return "a bitrate of " + number(bitrate_bps) + " bit/s is above " + limit;
  return {};
}

std::string beyond(const PacketFlowSpec& spec, const ReceiverLimits& limits) {
  if (limits.rate_pps > 0) {
    const std::string limit = "the receiver's limit of " + number(limits.rate_pps) + " (rate)";
    if (spec.rate_pps == 0) return "a flow as fast as can be is beyond " + limit + ": give it a rate";
    if (spec.rate_pps > limits.rate_pps) return "a rate of " + number(spec.rate_pps) + " packets/s is above " + limit;
  }
  return beyond_bitrate(spec.rate_pps * spec.size * 8, limits);
}

std::string beyond(const TcpFlowSpec& spec, const ReceiverLimits& limits) {
  if (spec.streams > limits.streams)
    return std::to_string(spec.streams) + " streams are above the receiver's limit of " +
           std::to_string(limits.streams) + " (streams)";
  return beyond_bitrate(spec.bitrate_bps, limits);
}

std::string beyond(const ConnectionFlowSpec&, const ReceiverLimits&) { return {}; }

}  // namespace

std::string beyond_limits(const FlowSpec& spec, const ReceiverLimits& limits) {
  return std::visit(
      [&](const auto& flow) -> std::string {
        if (flow.omit + flow.duration > limits.duration)
          return "the duration, " + validation::seconds(flow.omit + flow.duration) +
                 " with its warm-up, is above the receiver's limit of " + validation::seconds(limits.duration) +
                 " (duration)";
        return beyond(flow, limits);
      },
      spec);
}

}  // namespace paceline::receiver
