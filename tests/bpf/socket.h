// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpf/unique_fd.h"

namespace paceline::bpf::test {

/// CLOCK_MONOTONIC, ns.
std::int64_t monotonic_now();

/// A UDP socket bound to the port on every address (IPv6 and IPv4) that asks for software stamps but does not
/// turn the kernel's own on.
class StampedSocket {
 public:
  /// `gro`: several datagrams may come as one (UDP_GRO).
  explicit StampedSocket(std::uint16_t port, int buffer = 1 << 20, bool gro = false);

  struct Datagram {
    std::size_t size = 0;
    std::optional<std::int64_t> stamp;  ///< ns, as the control message has it
    std::optional<int> segment;         ///< of how many bytes each datagram in it is, when it may be several
  };
  /// Waits up to 2 s; nullopt when nothing came.
  std::optional<Datagram> receive();
  /// Does not wait.
  std::optional<Datagram> receive_queued();

 private:
  std::optional<Datagram> receive(int flags);
  UniqueFd socket_;
};

/// A UDP socket of the calling thread's network namespace; unconnected, so nobody need be listening.
class Sender {
 public:
  /// `segment`: the kernel cuts what is sent into datagrams of this size (UDP_SEGMENT); 0: it does not.
  Sender(const std::string& address, std::uint16_t port, std::uint16_t segment = 0);

  void send(std::size_t size = 64);
  void send(const std::vector<std::uint8_t>& payload);
  int fd() const { return socket_.get(); }

 private:
  sockaddr_storage to_{};
  socklen_t length_ = 0;
  UniqueFd socket_;
};

}  // namespace paceline::bpf::test
