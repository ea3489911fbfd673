// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "paceline/result.h"

namespace paceline::traffic {

/// TCP_INFO of a socket. What the kernel does not know of stays 0.
TcpInfo read_tcp_info(int socket);

/// Bytes that were written and are not acknowledged yet (SIOCOUTQ), an end of the stream included; 0 if it cannot be
/// told.
std::uint64_t unacknowledged(int socket);

}  // namespace paceline::traffic
