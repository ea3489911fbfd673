// SPDX-License-Identifier: MIT
//
// Flows as users ask for them: UDP packets, TCP streams, connections.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "paceline/clock.h"

namespace paceline {

/// How the sender waits for a packet's due time.
enum class Pacing {
  sleep,   ///< sleeps to the due time: cheapest, late by what the machine oversleeps
  hybrid,  ///< sleeps until shortly before, then spins; the margin follows the machine's oversleep
  busy,    ///< spins all the time: most exact, costs a core
};

/// What happens to slots that the sender could not serve in time.
enum class LatePolicy {
  send,  ///< every slot is sent, late if need be
  skip,  ///< slots that are a whole gap late are dropped and counted as missed
};

/// How datagrams are handed to the kernel.
enum class Batching {
  single,   ///< one a call: what latency is measured with
  several,  ///< sendmmsg: several a call, each travels alone
  offload,  ///< UDP_SEGMENT: several as one super-packet, which is cut up as late as possible, perhaps never
};

enum class Transport { udp, tcp };

/// Which end sends the data. The sender always opens the connections.
enum class Direction { forward, reverse };

/// What becomes of a TCP stream's bytes at the receiving end.
enum class ReceiveMode {
  discard,  ///< in the kernel (MSG_TRUNC): measures the path, and less of what an application would get
  copy,     ///< copied to userspace
};

/// How a TCP stream's bytes get into the kernel.
enum class SendMode {
  copy,       ///< copied by send()
  zero_copy,  ///< spliced from memory: the kernel takes the pages as they are
};

/// Packets over UDP, sequenced, stamped and counted one by one.
struct UdpFlowSpec {
  double rate_pps = 1000;                           ///< packets per second, at most kMaxRate; 0: as fast as can be
  std::uint32_t size = 512;                         ///< UDP payload in bytes, Paceline's header included
  nanoseconds duration = std::chrono::seconds(30);  ///< of what is measured: > 0, at most kMaxDuration
  nanoseconds omit{0};                              ///< warm-up before it, whole intervals; not in the totals
  nanoseconds interval = std::chrono::seconds(1);   ///< length of a row of the live stream, 10 ms to 1 h
  Pacing pacing = Pacing::hybrid;
  LatePolicy late = LatePolicy::send;
  Batching batching = Batching::single;
  std::uint32_t batch = 0;  ///< datagrams a call at most, up to kMaxBatch; 0: as many as the sender sees fit

  static constexpr double kMaxRate = 1e8;
  static constexpr std::uint32_t kMinSize = 18;     ///< the packet header
  static constexpr std::uint32_t kMaxSize = 65507;  ///< 65535 less the IPv4 and UDP headers
  static constexpr std::uint32_t kMaxBatch = 128;   ///< the most segments that UDP_SEGMENT takes
  static constexpr nanoseconds kMaxDuration = std::chrono::hours(72);
  static constexpr nanoseconds kMinInterval = std::chrono::milliseconds(10);
  static constexpr nanoseconds kMaxInterval = std::chrono::hours(1);

  bool operator==(const UdpFlowSpec&) const = default;
};

/// Bytes over one or more TCP connections.
struct TcpFlowSpec {
  std::uint32_t streams = 1;  ///< connections, 1 to kMaxStreams
  double bitrate_bps = 0;     ///< of all streams together, of payload; 0: as fast as can be
  std::uint64_t bytes = 0;    ///< ends when so many were written by all streams together; 0: by the duration alone
  nanoseconds duration = std::chrono::seconds(30);  ///< of what is measured: > 0, at most UdpFlowSpec::kMaxDuration
  nanoseconds omit{0};                              ///< warm-up before it, whole intervals; not in the totals
  nanoseconds interval = std::chrono::seconds(1);   ///< as in UdpFlowSpec
  Direction direction = Direction::forward;
  std::string congestion;           ///< congestion control of the sending end, by its kernel's name; empty: its default
  std::uint32_t mss = 0;            ///< largest segment, 88 to 32767 bytes; 0: the path's
  std::uint64_t socket_buffer = 0;  ///< SO_SNDBUF of the sending end, SO_RCVBUF of the other; 0: the kernel tunes
  bool no_delay = false;            ///< Nagle's algorithm off (TCP_NODELAY)
  SendMode send = SendMode::copy;
  ReceiveMode receive = ReceiveMode::discard;

  static constexpr std::uint32_t kMaxStreams = 1024;
  static constexpr double kMaxBitrate = 1e13;
  static constexpr std::uint64_t kMaxSocketBuffer = std::uint64_t{1} << 30;
  static constexpr std::size_t kMaxName = 15;  ///< of a congestion control (TCP_CA_NAME_MAX)

  bool operator==(const TcpFlowSpec&) const = default;
};

/// Short exchanges, each on a connection (TCP) or from a source port (UDP) of its own: connect, a request of 64 bytes,
/// a reply of 58, close.
struct ConnectionFlowSpec {
  Transport transport = Transport::tcp;
  double rate = 0;                ///< exchanges started per second, at most kMaxRate; 0: as fast as can be
  std::uint32_t concurrency = 0;  ///< exchanges under way at most, up to kMaxConcurrency; 0: what the sender sees fit
  nanoseconds timeout = std::chrono::seconds(2);    ///< an exchange that is not over by then has failed; 1 ms to 60 s
  nanoseconds duration = std::chrono::seconds(30);  ///< of what is measured: > 0, at most UdpFlowSpec::kMaxDuration
  nanoseconds omit{0};                              ///< warm-up before it, whole intervals; not in the totals
  nanoseconds interval = std::chrono::seconds(1);   ///< as in UdpFlowSpec

  static constexpr double kMaxRate = 1e7;
  static constexpr std::uint32_t kMaxConcurrency = 16384;

  bool operator==(const ConnectionFlowSpec&) const = default;
};

using FlowSpec = std::variant<UdpFlowSpec, TcpFlowSpec, ConnectionFlowSpec>;

constexpr std::string_view to_string(Pacing pacing) {
  switch (pacing) {
    case Pacing::sleep: return "sleep";
    case Pacing::hybrid: return "hybrid";
    case Pacing::busy: return "busy";
  }
  return "hybrid";
}

constexpr std::string_view to_string(LatePolicy late) { return late == LatePolicy::send ? "send" : "skip"; }

constexpr std::string_view to_string(Batching batching) {
  switch (batching) {
    case Batching::single: return "single";
    case Batching::several: return "several";
    case Batching::offload: return "offload";
  }
  return "single";
}

constexpr std::string_view to_string(Transport transport) { return transport == Transport::udp ? "udp" : "tcp"; }
constexpr std::string_view to_string(Direction direction) {
  return direction == Direction::forward ? "forward" : "reverse";
}
constexpr std::string_view to_string(ReceiveMode mode) { return mode == ReceiveMode::discard ? "discard" : "copy"; }
constexpr std::string_view to_string(SendMode mode) { return mode == SendMode::copy ? "copy" : "zero_copy"; }

}  // namespace paceline
