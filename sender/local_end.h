// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "paceline/flow.h"
#include "traffic/address.h"
#include "traffic/file_descriptor.h"

namespace paceline::sender {

/// What the user asked of this end of a data path.
struct LocalEnd {
  std::string address{};                      ///< numeric; empty: the route's
  std::uint16_t port = 0;                     ///< 0: a fresh one
  std::optional<std::uint32_t> flow_label{};  ///< of IPv6 packets; else the kernel's
  SocketSpec socket{};                        ///< its options; its source and port are above
};

/// A socket on its way to a destination.
struct OpenSocket {
  traffic::FileDescriptor fd;      ///< bound, non-blocking, not connected
  sockaddr_storage destination{};  ///< for connect()
  socklen_t length = 0;
};

/// `type` is SOCK_DGRAM or SOCK_STREAM; `protocol` IPPROTO_SCTP, or 0: UDP and TCP. Throws SetupError that names what
/// this host refuses.
OpenSocket open_socket(int type, const LocalEnd& local, const traffic::Address& to, int protocol = 0);

}  // namespace paceline::sender
