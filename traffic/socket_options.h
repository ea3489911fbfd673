// SPDX-License-Identifier: MIT
//
// What the user asked of the sockets that a flow sends from.
#pragma once

#include <string>

#include "paceline/flow.h"

namespace paceline::traffic {

/// DSCP and ECN bits, hop limit and fragments, in both families' words on a dual-stack socket. A stream's ECN bits stay
/// its kernel's. Changes nothing that was not asked for. Throws SetupError that names what the kernel refuses.
void configure_socket(int socket, const SocketSpec& spec);

/// Leaves by that interface alone (SO_BINDTODEVICE); before bind() and connect(). Nothing when it is empty. Throws
/// SetupError: there is none of that name, or the privilege is missing.
void bind_to_interface(int socket, const std::string& interface);

}  // namespace paceline::traffic
