// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <cstdint>

namespace paceline::traffic {

/// Gives the IPv6 packets of an unconnected UDP or TCP socket this flow label (RFC 6437) once it is connected to
/// `destination`: leases the label from the kernel and writes it into the address, with which connect() must then be
/// called. Label 0: none, not even one of the kernel's choice. Throws SetupError when the destination is not IPv6 or
/// the kernel refuses, with what to check.
void set_flow_label(int socket, std::uint32_t label, sockaddr_storage& destination);

}  // namespace paceline::traffic
