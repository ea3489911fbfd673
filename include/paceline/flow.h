// SPDX-License-Identifier: MIT
//
// Flows as users ask for them: packets, TCP streams, connections.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "paceline/clock.h"
#include "paceline/model.h"

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

enum class Transport {
  udp,
  tcp,
  sctp,  ///< packets only, where both kernels have it
  icmp,  ///< packets only: echo requests, answered by the other end's kernel; no receiver is asked
};

/// What is measured of packets.
enum class Meter {
  one_way,
  round_trip,  ///< each packet comes back from the receiver in its full size; one-way results are there, too
};

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

/// Whether a packet above the path's MTU may be cut into fragments.
enum class Fragments {
  above_mtu,  ///< only those of flows whose packets exceed it
  never,      ///< a packet that is too large ends the flow
  allowed,    ///< by whoever is on the path
};

/// What the bytes behind the packet header are.
enum class Payload { zeros, random, file };

/// Options of the sockets that a flow sends from; what is 0 or empty is the run's or the kernel's choice.
struct SocketSpec {
  std::uint8_t dscp = 0;       ///< 0 to 63 (RFC 2474)
  std::uint8_t ecn = 0;        ///< 0 to 3 (RFC 3168); of packets only, TCP sets its own
  std::uint8_t hop_limit = 0;  ///< TTL or hop limit, 1 to 255
  Fragments fragments = Fragments::above_mtu;
  std::string interface {};       ///< to leave by (SO_BINDTODEVICE)
  std::string source{};           ///< numeric address
  std::uint16_t source_port = 0;  ///< of the first socket, the others count up

  bool operator==(const SocketSpec&) const = default;
};

/// Periods with packets and without, by turns. Within an on period packets are due as the model says; one that would be
/// due after its end is due after the next off period instead, that much into the on period.
struct Bursts {
  Model on{};   ///< seconds
  Model off{};  ///< seconds

  bool operator==(const Bursts&) const = default;
};

/// When packets are due and how large they are, drawn from streams of random numbers that the flow's seed alone
/// settles.
struct TrafficModel {
  Model idt{};                 ///< seconds from one message to the next
  Model size{};                ///< bytes of a message
  std::uint32_t segment = 0;   ///< larger messages (video frames, files) are cut into packets of this payload, due all
                               ///< at once; 0: a message is a packet
  std::uint32_t overhead = 0;  ///< bytes of headers that each packet has beside what was drawn (RTP, say)
  std::optional<Model> jitter{};  ///< seconds, added to a message's due time but not to those after it
  std::optional<Bursts> bursts{};

  bool operator==(const TrafficModel&) const = default;
};

/// Packets as they were seen elsewhere.
struct TraceSpec {
  std::string file{};      ///< pcap or pcapng: UDP and TCP payload; else CSV: gap in seconds, payload in bytes
  double speed = 1;        ///< gaps are divided by it
  double size_factor = 1;  ///< payloads are multiplied by it
  bool repeat = false;     ///< from its start again, until the flow's end

  bool operator==(const TraceSpec&) const = default;
};

/// Packets, sequenced, stamped and counted one by one.
struct PacketFlowSpec {
  std::string name{};  ///< carried into the result; at most kMaxName bytes
  Transport transport = Transport::udp;
  Meter meter = Meter::one_way;
  double rate_pps = 1000;    ///< packets per second, at most kMaxRate; 0: as fast as can be. With a model or a trace:
                             ///< what is to be expected of it, which run() fills in
  std::uint32_t size = 512;  ///< payload in bytes, Paceline's header included. With a model or a trace: the largest,
                             ///< which run() fills in where it is 0; nothing larger is drawn
  std::optional<TrafficModel> model{};  ///< instead of rate and size
  std::optional<TraceSpec> trace{};     ///< likewise
  std::uint64_t seed = 0;               ///< of the model and of random payload; 0: run() chooses, and tells
  nanoseconds delay{0};                 ///< start, after the run's; at most kMaxDuration
  std::uint64_t packets = 0;            ///< ends after so many of the measured part; 0: by the duration alone
  std::uint64_t bytes = 0;              ///< ends when so many bytes of it were sent; 0: likewise
  nanoseconds duration = std::chrono::seconds(30);  ///< of what is measured: > 0, at most kMaxDuration
  nanoseconds omit{0};                              ///< warm-up before it, whole intervals; not in the totals
  nanoseconds interval = std::chrono::seconds(1);   ///< length of a row of the live stream, 10 ms to 1 h
  Pacing pacing = Pacing::hybrid;
  LatePolicy late = LatePolicy::send;
  Batching batching = Batching::single;
  std::uint32_t batch = 0;  ///< datagrams a call at most, up to kMaxBatch; 0: as many as the sender sees fit
  SocketSpec socket{};
  Payload payload = Payload::zeros;
  std::string payload_file{};      ///< of Payload::file: its bytes, again and again
  bool no_delay = true;            ///< TCP, SCTP: Nagle's algorithm off
  std::uint16_t sctp_streams = 1;  ///< used by turns

  static constexpr double kMaxRate = 1e8;
  static constexpr std::size_t kMaxName = 64;
  static constexpr std::uint32_t kMinSize = 18;     ///< the packet header
  static constexpr std::uint32_t kMaxSize = 65507;  ///< 65535 less the IPv4 and UDP headers
  static constexpr std::uint32_t kMaxBatch = 128;   ///< the most segments that UDP_SEGMENT takes
  static constexpr nanoseconds kMaxDuration = std::chrono::hours(72);
  static constexpr nanoseconds kMinInterval = std::chrono::milliseconds(10);
  static constexpr nanoseconds kMaxInterval = std::chrono::hours(1);

  bool operator==(const PacketFlowSpec&) const = default;
};

/// Bytes over one or more TCP connections.
struct TcpFlowSpec {
  std::string name{};         ///< as in PacketFlowSpec
  nanoseconds delay{0};       ///< likewise
  std::uint32_t streams = 1;  ///< connections, 1 to kMaxStreams
  double bitrate_bps = 0;     ///< of all streams together, of payload; 0: as fast as can be
  std::uint64_t bytes = 0;    ///< ends when so many were written by all streams together; 0: by the duration alone
  nanoseconds duration = std::chrono::seconds(30);  ///< of what is measured: > 0, at most PacketFlowSpec::kMaxDuration
  nanoseconds omit{0};                              ///< warm-up before it, whole intervals; not in the totals
  nanoseconds interval = std::chrono::seconds(1);   ///< as in PacketFlowSpec
  Direction direction = Direction::forward;
  std::string congestion{};         ///< congestion control of the sending end, by its kernel's name; empty: its default
  std::uint32_t mss = 0;            ///< largest segment, 88 to 32767 bytes; 0: the path's
  std::uint64_t socket_buffer = 0;  ///< SO_SNDBUF of the sending end, SO_RCVBUF of the other; 0: the kernel tunes
  bool no_delay = false;            ///< Nagle's algorithm off (TCP_NODELAY)
  SendMode send = SendMode::copy;
  ReceiveMode receive = ReceiveMode::discard;
  SocketSpec socket{};

  static constexpr std::uint32_t kMaxStreams = 1024;
  static constexpr double kMaxBitrate = 1e13;
  static constexpr std::uint64_t kMaxSocketBuffer = std::uint64_t{1} << 30;
  static constexpr std::size_t kMaxName = 15;  ///< of a congestion control (TCP_CA_NAME_MAX)

  bool operator==(const TcpFlowSpec&) const = default;
};

/// Short exchanges, each on a connection (TCP) or from a source port (UDP) of its own: connect, a request of 64 bytes,
/// a reply of 58, close.
struct ConnectionFlowSpec {
  std::string name{};                    ///< as in PacketFlowSpec
  nanoseconds delay{0};                  ///< likewise
  Transport transport = Transport::tcp;  ///< tcp or udp
  double rate = 0;                       ///< exchanges started per second, at most kMaxRate; 0: as fast as can be
  std::uint32_t concurrency = 0;  ///< exchanges under way at most, up to kMaxConcurrency; 0: what the sender sees fit
  nanoseconds timeout = std::chrono::seconds(2);    ///< an exchange that is not over by then has failed; 1 ms to 60 s
  nanoseconds duration = std::chrono::seconds(30);  ///< of what is measured: > 0, at most PacketFlowSpec::kMaxDuration
  nanoseconds omit{0};                              ///< warm-up before it, whole intervals; not in the totals
  nanoseconds interval = std::chrono::seconds(1);   ///< as in PacketFlowSpec
  SocketSpec socket{};

  static constexpr double kMaxRate = 1e7;
  static constexpr std::uint32_t kMaxConcurrency = 16384;

  bool operator==(const ConnectionFlowSpec&) const = default;
};

using FlowSpec = std::variant<PacketFlowSpec, TcpFlowSpec, ConnectionFlowSpec>;

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

constexpr std::string_view to_string(Transport transport) {
  switch (transport) {
    case Transport::udp: return "udp";
    case Transport::tcp: return "tcp";
    case Transport::sctp: return "sctp";
    case Transport::icmp: return "icmp";
  }
  return "udp";
}

constexpr std::string_view to_string(Meter meter) { return meter == Meter::one_way ? "one_way" : "round_trip"; }

constexpr std::string_view to_string(Fragments fragments) {
  switch (fragments) {
    case Fragments::above_mtu: return "above_mtu";
    case Fragments::never: return "never";
    case Fragments::allowed: return "allowed";
  }
  return "above_mtu";
}

constexpr std::string_view to_string(Payload payload) {
  switch (payload) {
    case Payload::zeros: return "zeros";
    case Payload::random: return "random";
    case Payload::file: return "file";
  }
  return "zeros";
}
constexpr std::string_view to_string(Direction direction) {
  return direction == Direction::forward ? "forward" : "reverse";
}
constexpr std::string_view to_string(ReceiveMode mode) { return mode == ReceiveMode::discard ? "discard" : "copy"; }
constexpr std::string_view to_string(SendMode mode) { return mode == SendMode::copy ? "copy" : "zero_copy"; }

}  // namespace paceline
