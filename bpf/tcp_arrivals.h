// SPDX-License-Identifier: MIT
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "paceline/clock.h"

namespace paceline::bpf {

/// A TCP connection as the receiving end's packets name it; IPv4 as mapped addresses.
struct TcpConnection {
  in6_addr local{};
  in6_addr remote{};
  std::uint16_t local_port = 0;  ///< host byte order
  std::uint16_t remote_port = 0;
};

/// What the TC program saw of one connection. The stream's bytes are counted from the first after the SYN, and cut in
/// granules; a granule's time is when its last byte first arrived at the hook (head-of-line blocking included: the
/// bytes before it may come later).
class TcpArrivals {
 public:
  static constexpr std::uint64_t kGranule = 65536;

  struct Counts {
    std::uint64_t skbs = 0;      ///< with payload
    std::uint64_t segments = 0;  ///< with payload; those of super-packets one by one
    std::uint64_t bytes = 0;     ///< of payload, whatever came twice included
    std::uint64_t retransmitted_bytes =
        0;  ///< at or below the highest byte that had come before: sent again, or overtaken
  };

  virtual ~TcpArrivals() = default;

  /// When granule `number` (bytes number * kGranule to less than (number + 1) * kGranule) was complete at the hook:
  /// the kernel's CLOCK_MONOTONIC of the initial time namespace. Nothing if it was not yet, or too long ago (the ring
  /// holds the last 512, 32 MiB of the stream). A read of mapped memory.
  virtual std::optional<nanoseconds> arrival(std::uint64_t number) const = 0;

  /// Costs a system call. Should the program have lost the connection (16,384 others came while it was silent): what
  /// was last known.
  virtual Counts counts() const = 0;
};

}  // namespace paceline::bpf
