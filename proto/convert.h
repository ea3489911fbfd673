// SPDX-License-Identifier: MIT
//
// The result model to its wire form and back. From the wire everything is checked: a function throws WireError when
// a value is out of range (a Distribution whose buckets do not add up, an unknown enumerator).
#pragma once

#include <stdexcept>
#include <string>

#include "paceline/result.h"
#include "proto/results.pb.h"

namespace paceline::wire {

class WireError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A peer's text as it may be shown: printable ASCII and line ends, all else as '?', at most 4096 letters.
std::string text(const std::string& from);

void to_wire(const paceline::Distribution& from, Distribution& to);
void to_wire(const paceline::PacketFlowSpec& from, PacketFlowSpec& to);
void to_wire(const paceline::TcpFlowSpec& from, TcpFlowSpec& to);
void to_wire(const paceline::ConnectionFlowSpec& from, ConnectionFlowSpec& to);
void to_wire(const paceline::PathResult& from, PathResult& to);
void to_wire(const paceline::Sent& from, Sent& to);
void to_wire(const paceline::Stamping& from, Stamping& to);
void to_wire(const paceline::ClockResult& from, ClockResult& to);
void to_wire(const paceline::PacketInterval& from, PacketInterval& to);
void to_wire(const paceline::PacketFlowResult& from, PacketFlowResult& to);
void to_wire(const paceline::CpuTime& from, CpuTime& to);
void to_wire(const paceline::TcpInterval& from, TcpInterval& to);
void to_wire(const paceline::TcpFlowResult& from, TcpFlowResult& to);
void to_wire(const paceline::ConnectionInterval& from, ConnectionInterval& to);
void to_wire(const paceline::ConnectionFlowResult& from, ConnectionFlowResult& to);
void to_wire(const paceline::FlowResult& from, FlowResult& to);
void to_wire(const paceline::SliceSpec& from, SliceSpec& to);
void to_wire(const paceline::SliceResult& from, SliceResult& to);
void to_wire(const paceline::RunResult& from, RunResult& to);
void to_wire(const paceline::Host& from, Host& to);
Hook to_wire(paceline::Hook hook);

paceline::Distribution from_wire(const Distribution& from);
paceline::PacketFlowSpec from_wire(const PacketFlowSpec& from);  // in range as validate() asks, as are the next two
paceline::TcpFlowSpec from_wire(const TcpFlowSpec& from);
paceline::ConnectionFlowSpec from_wire(const ConnectionFlowSpec& from);
paceline::PathResult from_wire(const PathResult& from);
paceline::Sent from_wire(const Sent& from);
paceline::Stamping from_wire(const Stamping& from);
paceline::ClockResult from_wire(const ClockResult& from);
paceline::PacketInterval from_wire(const PacketInterval& from);
paceline::PacketFlowResult from_wire(const PacketFlowResult& from);
paceline::CpuTime from_wire(const CpuTime& from);
paceline::TcpInterval from_wire(const TcpInterval& from);
paceline::TcpFlowResult from_wire(const TcpFlowResult& from);
paceline::ConnectionInterval from_wire(const ConnectionInterval& from);
paceline::ConnectionFlowResult from_wire(const ConnectionFlowResult& from);
paceline::FlowResult from_wire(const FlowResult& from);
paceline::SliceSpec from_wire(const SliceSpec& from);
paceline::SliceResult from_wire(const SliceResult& from);
paceline::RunResult from_wire(const RunResult& from);
paceline::Host from_wire(const Host& from);
paceline::Hook from_wire(Hook hook);

}  // namespace paceline::wire
