// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "paceline/clock.h"
#include "traffic/address.h"
#include "traffic/file_descriptor.h"
#include "traffic/socket_drops.h"

namespace paceline::traffic {

/// A receive stamp as the kernel hands it over. Its value tells who took it: the TC program's are CLOCK_MONOTONIC
/// (far below 1e18 ns), the kernel's own are CLOCK_REALTIME (above).
struct KernelStamp {
  std::int64_t raw = 0;  // nanoseconds; 0: none

  bool by_tc_program() const { return raw > 0 && raw < 1'000'000'000'000'000'000; }
  bool by_kernel() const { return raw >= 1'000'000'000'000'000'000; }
};

/// What one packet buffer brought: a datagram, or on a coalescing socket as many as travelled in a super-packet.
struct Datagram {
  std::span<const std::uint8_t> bytes;  // of all of them, one after the other; valid until the next receive()
  std::size_t segment = 0;              // bytes of each of them but the last, which may have fewer
  Address from;
  Address to;                   // the address that it was sent to, as seen here, and the socket's port
  std::uint32_t interface = 0;  // index of the one that it came in by
  KernelStamp stamp;
};

/// One of the receiver's sockets on the data port, for both families. Those on one port are a group (SO_REUSEPORT) in
/// the order in which they were made. Not thread-safe.
class DataSocket {
 public:
  static constexpr std::size_t kBatch = 64;
  static constexpr std::size_t kCoalescedBatch = 16;  // a super-packet holds many: the buffers shall stay in the cache

  enum class Taking {
    single,     ///< datagrams one by one
    coalesced,  ///< super-packets whole (UDP_GRO); where the kernel cannot, one by one
  };

  /// Binds `bind`:`port` (empty: all addresses of both families; 0: any free port). Throws SetupError, with a hint
  /// when a socket of no group has the port.
  DataSocket(const std::string& bind, std::uint16_t port, Taking taking = Taking::single);

  /// Lets the kernel choose among the group's `sockets` by the flow id in the packet header: the n-th takes the ids
  /// that are n modulo their number. For the whole group. Throws SetupError.
  void steer_by_flow(std::uint32_t sockets);

  /// Asks the kernel for receive stamps of its own where the TC program set none. It switches on a node-wide key
  /// that costs every packet some 50 ns, so it is not on from the start.
  void enable_netstamp();

  /// What has arrived, at most batch() buffers; empty when nothing has. Does not wait.
  std::span<const Datagram> receive();
  std::size_t batch() const { return coalesces_ ? kCoalescedBatch : kBatch; }

  /// Sends one datagram from the address `from.to` that a datagram was sent to, back to where it came from.
  /// Returns 0 or an errno.
  int reply(std::span<const std::uint8_t> bytes, const Datagram& to);

  /// Puts a data packet of the last receive() aside, to be sent back whole as an echo, as reply() does. Each once.
  void queue_echo(const Datagram& packet);
  /// Sends what was put aside, before the next receive(). Does not wait: says which of them, by their order, the kernel
  /// refused (its buffers are full, say).
  std::span<const std::size_t> send_echoes();

  /// Sends one datagram from the socket's port. Returns 0 or an errno.
  int send(std::span<const std::uint8_t> bytes, const Address& to);

  int fd() const { return fd_.get(); }
  std::uint16_t port() const { return port_; }
  bool coalesces() const { return coalesces_; }
  std::size_t buffer_bytes() const { return buffer_bytes_; }

  /// Packet buffers dropped because the receive buffer was full, since the socket was opened.
  std::uint64_t drops() { return drops_.read(fd_.get()); }

 private:
  struct Buffers;

  FileDescriptor fd_;
  int family_;
  bool coalesces_ = false;
  std::uint16_t port_ = 0;
  std::size_t buffer_bytes_ = 0;
  SocketDrops drops_;
  std::unique_ptr<Buffers, void (*)(Buffers*)> buffers_;
};

}  // namespace paceline::traffic
