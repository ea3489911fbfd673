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

namespace paceline::traffic {

/// A receive stamp as the kernel hands it over. Its value tells who took it: the TC program's are CLOCK_MONOTONIC
/// (far below 1e18 ns), the kernel's own are CLOCK_REALTIME (above).
struct KernelStamp {
  std::int64_t raw = 0;  // nanoseconds; 0: none

  bool by_tc_program() const { return raw > 0 && raw < 1'000'000'000'000'000'000; }
  bool by_kernel() const { return raw >= 1'000'000'000'000'000'000; }
};

struct Datagram {
  std::span<const std::uint8_t> bytes;  // valid until the next receive()
  Address from;
  Address to;                   // the address that it was sent to, as seen here, and the socket's port
  std::uint32_t interface = 0;  // index of the one that it came in by
  KernelStamp stamp;
};

/// The receiver's data port: one UDP socket for both families. Not thread-safe.
class DataSocket {
 public:
  static constexpr std::size_t kBatch = 64;

  /// Binds `bind`:`port` (empty: all addresses of both families; 0: any free port), exclusively: a second receiver
  /// on the port is refused. Throws SetupError.
  DataSocket(const std::string& bind, std::uint16_t port);

  /// Asks the kernel for receive stamps of its own where the TC program set none. It switches on a node-wide key
  /// that costs every packet some 50 ns, so it is not on from the start.
  void enable_netstamp();

  /// What has arrived, at most kBatch datagrams; empty when nothing has. Does not wait.
  std::span<const Datagram> receive();

  /// Sends one datagram from the address `from.to` that a datagram was sent to, back to where it came from.
  /// Returns 0 or an errno.
  int reply(std::span<const std::uint8_t> bytes, const Datagram& to);

  int fd() const { return fd_.get(); }
  std::uint16_t port() const { return port_; }
  std::size_t buffer_bytes() const { return buffer_bytes_; }

  /// Datagrams dropped because the receive buffer was full, since the socket was opened.
  std::uint64_t drops();

 private:
  struct Buffers;

  FileDescriptor fd_;
  int family_;
  std::uint16_t port_ = 0;
  std::size_t buffer_bytes_ = 0;
  std::uint32_t last_drops_ = 0;
  std::uint64_t drops_ = 0;
  std::unique_ptr<Buffers, void (*)(Buffers*)> buffers_;
};

}  // namespace paceline::traffic
