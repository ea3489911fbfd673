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
void to_wire(const paceline::FlowSpec& from, FlowSpec& to);
void to_wire(const paceline::PathResult& from, PathResult& to);
void to_wire(const paceline::Sent& from, Sent& to);
void to_wire(const paceline::Stamping& from, Stamping& to);
void to_wire(const paceline::ClockResult& from, ClockResult& to);
void to_wire(const paceline::Interval& from, Interval& to);
void to_wire(const paceline::FlowResult& from, FlowResult& to);
void to_wire(const paceline::Host& from, Host& to);
Hook to_wire(paceline::Hook hook);

paceline::Distribution from_wire(const Distribution& from);
paceline::FlowSpec from_wire(const FlowSpec& from);  // in range as validate() asks
paceline::PathResult from_wire(const PathResult& from);
paceline::Sent from_wire(const Sent& from);
paceline::Stamping from_wire(const Stamping& from);
paceline::ClockResult from_wire(const ClockResult& from);
paceline::Interval from_wire(const Interval& from);
paceline::FlowResult from_wire(const FlowResult& from);
paceline::Host from_wire(const Host& from);
paceline::Hook from_wire(Hook hook);

}  // namespace paceline::wire
