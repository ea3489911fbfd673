// SPDX-License-Identifier: MIT
//
// Results and specifications with something in every field.
#pragma once

#include <cstdint>
#include <string>

#include "paceline/result.h"

namespace paceline::wire::filled {

// Numbers that differ from field to field, so that two that were swapped show.
class Counter {
 public:
  std::uint32_t next() { return ++value_; }
  nanoseconds time() { return nanoseconds{next()}; }
  std::string text() { return "text " + std::to_string(next()); }

 private:
  std::uint32_t value_ = 1000;
};

paceline::Distribution distribution(Counter& counter);
paceline::Received received(Counter& counter);
paceline::Statistics statistics(Counter& counter);
paceline::PacketInterval interval(Counter& counter);
paceline::SocketSpec socket_spec(Counter& counter);
paceline::SocketSpec stream_socket_spec(Counter& counter);
paceline::TrafficModel traffic_model();
paceline::CpuTime cpu_time(Counter& counter);
paceline::PathResult path_result(Counter& counter);
paceline::ClockResult clock_result(Counter& counter);
paceline::PacketFlowResult flow_result(Counter& counter);
paceline::PacketFlowSpec records_of_a_trace(Counter& counter);
paceline::TcpInfo tcp_info(Counter& counter);
paceline::WireCounts wire_counts(Counter& counter);
paceline::TcpInterval tcp_interval(Counter& counter);
paceline::TcpFlowSpec tcp_spec(Counter& counter);
paceline::TcpFlowResult tcp_flow_result(Counter& counter);
paceline::ConnectionFlowSpec connection_spec(Counter& counter);
paceline::Exchanges exchanges(Counter& counter);
paceline::ConnectionInterval connection_interval(Counter& counter);
paceline::ConnectionFlowResult connection_flow_result(Counter& counter);
paceline::SliceResult slice_result(Counter& counter);
paceline::Host host(Counter& counter);
paceline::RunResult run_result(Counter& counter);

}  // namespace paceline::wire::filled
