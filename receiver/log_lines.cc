// SPDX-License-Identifier: MIT
#include "receiver/log_lines.h"

#include <fmt/format.h>

#include <chrono>

#include "decoder/text.h"

namespace paceline::receiver {

namespace {

constexpr const char* kFlatOut = "as fast as can be";

std::string rate(double asked, const char* unit) {
  return asked > 0 ? fmt::format("{:.15g} {}", asked, unit) : kFlatOut;
}
std::string bitrate(double asked) { return asked > 0 ? decoder::text::bitrate(asked) : kFlatOut; }

template <class Spec>
std::string length(const Spec& spec) {
  const auto seconds = [](nanoseconds time) { return std::chrono::duration<double>(time).count(); };
  return fmt::format("for {:g} s", seconds(spec.duration)) +
         (spec.omit > nanoseconds{0} ? fmt::format(" after {:g} s of warm-up", seconds(spec.omit)) : "");
}

template <class Result>
std::string partial(const Result& flow) {
  return flow.complete ? "" : ", partial: " + flow.incomplete_reason;
}

}  // namespace

std::string describe_start(const PacketFlowResult& flow) {
  return fmt::format("flow {:08x}: {}, {} bytes, {}, {}, stamped by {}", flow.flow_id,
                     decoder::text::protocol(flow.spec.transport), flow.spec.size,
                     rate(flow.spec.rate_pps, "packets/s"), length(flow.spec), to_string(flow.stamping.hook));
}

std::string describe_start(const TcpFlowResult& flow) {
  return fmt::format("flow {:08x}: TCP, {} stream{}, {}, {}, {}, seen by {}", flow.flow_id, flow.spec.streams,
                     flow.spec.streams == 1 ? "" : "s", to_string(flow.spec.direction), bitrate(flow.spec.bitrate_bps),
                     length(flow.spec), to_string(flow.stamping.hook));
}

std::string describe_start(const ConnectionFlowResult& flow) {
  return fmt::format("flow {:08x}: connections over {}, {}, {}", flow.flow_id,
                     flow.spec.transport == Transport::tcp ? "TCP" : "UDP", rate(flow.spec.rate, "a second"),
                     length(flow.spec));
}

std::string describe_end(const PacketFlowResult& flow) {
  return fmt::format("flow {:08x}: received {}, lost {}{}", flow.flow_id, flow.received.packets, flow.received.lost,
                     partial(flow));
}

std::string describe_end(const TcpFlowResult& flow) {
  const bool source = flow.spec.direction == Direction::reverse;
  return fmt::format("flow {:08x}: {} {} bytes{}", flow.flow_id, source ? "sent" : "received",
                     source ? flow.written : flow.received, partial(flow));
}

std::string describe_end(const ConnectionFlowResult& flow) {
  return fmt::format("flow {:08x}: answered {}{}", flow.flow_id, flow.answered, partial(flow));
}

}  // namespace paceline::receiver
