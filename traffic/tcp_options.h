// SPDX-License-Identifier: MIT
//
// What a TCP socket is asked for, before it carries a stream.
#pragma once

#include <string>

#include "paceline/flow.h"

namespace paceline::traffic {

/// Makes a TCP socket (AF_INET or AF_INET6) what `spec` asks of this end, before it is connected: congestion control,
/// DSCP and hop limit (source only), MSS, buffers, TCP_NODELAY. Throws SetupError that names the option, and for a
/// congestion control that the kernel lacks those it has.
void configure_tcp(int socket, const TcpFlowSpec& spec, bool source);

/// Whether this kernel can be asked for it; else why not, with those that it has. Empty for one that works.
std::string congestion_refusal(const std::string& congestion);

/// The congestion control that the socket uses; empty when it cannot be told.
std::string congestion_of(int socket);

/// What is less than was asked for: the kernel cuts buffers to its limit in silence. Empty if nothing is.
std::string buffer_warning(int socket, const TcpFlowSpec& spec, bool source);

}  // namespace paceline::traffic
