// SPDX-License-Identifier: MIT
#pragma once

#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

namespace paceline::traffic {

/// Counts what a socket drops because its receive buffer is full: datagrams, or super-packets on a coalescing one.
class SocketDrops {
 public:
  /// Since the socket was opened, as long as fewer than 2^32 are dropped between two calls.
  std::uint64_t read(int fd) {
    std::array<std::uint32_t, SK_MEMINFO_VARS> values{};
    socklen_t length = sizeof values;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values.data(), &length) == 0) {
      const std::uint32_t now = values[SK_MEMINFO_DROPS];
      total_ += now - last_;  // modulo 2^32, as the kernel counts
      last_ = now;
    }
    return total_;
  }

 private:
  std::uint32_t last_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace paceline::traffic
