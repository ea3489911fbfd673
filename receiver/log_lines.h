// SPDX-License-Identifier: MIT
//
// A flow's beginning and end as the receiver's log tells them, one line each, without a line end.
#pragma once

#include <string>

#include "paceline/result.h"

namespace paceline::receiver {

std::string describe_start(const PacketFlowResult& flow);
std::string describe_start(const TcpFlowResult& flow);
std::string describe_start(const ConnectionFlowResult& flow);

std::string describe_end(const PacketFlowResult& flow);
std::string describe_end(const TcpFlowResult& flow);
std::string describe_end(const ConnectionFlowResult& flow);

}  // namespace paceline::receiver
