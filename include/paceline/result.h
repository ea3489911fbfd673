// SPDX-License-Identifier: MIT
//
// The result model: what every renderer, the wire and a replayed record file share. Plain data.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "paceline/clock.h"
#include "paceline/distribution.h"
#include "paceline/flow.h"
#include "paceline/slice.h"

namespace paceline {

/// Where a packet's time was taken.
enum class Point { tx_due, tx_user, rx_tc, rx_user };

std::string_view constexpr to_string(Point point) {
  switch (point) {
    case Point::tx_due: return "tx.due";
    case Point::tx_user: return "tx.user";
    case Point::rx_tc: return "rx.tc";
    case Point::rx_user: return "rx.user";
  }
  return "tx.user";
}

/// What took the rx.tc stamp, best rung first.
enum class Hook {
  tcx,       ///< TC program on a TCX link
  clsact,    ///< TC program as a filter on the clsact qdisc
  netstamp,  ///< the kernel's SO_TIMESTAMPING receive stamp, taken before TC; CLOCK_REALTIME, converted on arrival
  none,      ///< userspace time only
};

std::string_view constexpr to_string(Hook hook) {
  switch (hook) {
    case Hook::tcx: return "tcx";
    case Hook::clsact: return "clsact";
    case Hook::netstamp: return "netstamp";
    case Hook::none: return "none";
  }
  return "none";
}

/// The segments that are measured, in the order in which results list them.
struct SegmentEnds {
  Point from;
  Point to;
};
inline constexpr std::array<SegmentEnds, 4> kSegments{{{Point::tx_user, Point::rx_user},
                                                       {Point::tx_due, Point::rx_user},
                                                       {Point::tx_user, Point::rx_tc},
                                                       {Point::rx_tc, Point::rx_user}}};
inline constexpr std::size_t kSegmentCount = kSegments.size();

/// What one end counted of a flow's arriving packets. Adds up over intervals.
struct Received {
  std::uint64_t packets = 0;         ///< distinct packets
  std::uint64_t bytes = 0;           ///< UDP payload of these
  std::int64_t lost = 0;             ///< expected less distinct (RFC 7680); a correction of an earlier interval is < 0
  std::uint64_t duplicated = 0;      ///< further copies within the window (RFC 5560)
  std::uint64_t reordered = 0;       ///< distinct packets that arrived after one sent later (RFC 4737)
  std::uint64_t beyond_window = 0;   ///< older than the duplicate window: late (and still counted lost) or duplicate
  std::uint64_t unbound = 0;         ///< carried the flow's id but came from another address; ignored
  std::uint64_t invalid = 0;         ///< carried the flow's id but not what was negotiated (size); ignored
  std::uint64_t lost_in_socket = 0;  ///< dropped at the receive socket (SO_MEMINFO) while the flow ran
  std::uint64_t stamped = 0;         ///< distinct packets with an rx.tc stamp
  std::uint64_t missed = 0;          ///< distinct packets without, though a hook was in use

  bool operator==(const Received&) const = default;
};

/// The statistics of some of a flow's packets: exact sums and histograms, in nanoseconds. Adds up over intervals.
struct Statistics {
  std::array<Distribution, kSegmentCount> segments;  ///< delay, in the order of kSegments (RFC 7679)
  /// Delay less that of the packet before it in sequence, tx.user to rx.user (RFC 5481), of packets that also arrived
  /// one after the other.
  Distribution ipdv;
  Distribution jitter;  ///< |change of transit time| between packets in order of arrival (RFC 3550, D(i-1,i))

  bool operator==(const Statistics&) const = default;
};

/// A change to the loss of an earlier interval: a packet counted lost there has arrived after all (< 0). The interval
/// that it arrived in counts it in its own `received.lost`, so totals are right without. Known for the last 64
/// intervals in which new sequence numbers came: a packet of an earlier one lowers `received.lost` too, and has no
/// correction.
struct Correction {
  std::uint64_t interval = 0;
  std::int64_t lost = 0;
  bool operator==(const Correction&) const = default;
};

/// CPU time of one end's whole process while a flow ran, other flows' included.
struct CpuTime {
  nanoseconds user{0};
  nanoseconds system{0};
  nanoseconds elapsed{0};  ///< that the flow ran; 0: not measured
  nanoseconds stolen{0};   ///< of all CPUs of the machine together, by its hypervisor (proc_stat(5), steal)

  bool operator==(const CpuTime&) const = default;
};

/// One row of a UDP flow's live stream: what arrived within [start, end) of the flow, receiver's rx.user time.
struct PacketInterval {
  std::uint64_t index = 0;
  nanoseconds start{0};  ///< since the flow's start (the first packet's due time)
  nanoseconds end{0};
  Received received;  ///< of this interval; loss of packets that were overtaken or due in it
  std::vector<Correction> corrections;
  Statistics statistics;
  nanoseconds smoothed_jitter{0};  ///< RFC 3550 estimator at the interval's end
  nanoseconds first_arrival{0};    ///< rx.user of its first and last packet, since the flow's start; 0 without any
  nanoseconds last_arrival{0};
  bool last = false;             ///< the flow's remainder: stragglers and the lost tail
  bool omitted = false;          ///< of the warm-up: not in the totals
  Meter meter = Meter::one_way;  ///< round_trip: what came back, by the sender's clock; its segments that end at rx.*
                                 ///< end at the sender

  bool operator==(const PacketInterval&) const = default;
};

/// What became of one candidate address for the data port.
struct CandidateOutcome {
  std::string address;  ///< "192.0.2.7:30899"
  std::string source;   ///< "user", "advertised", "receiver's port"
  std::uint32_t attempts = 0;
  std::string outcome;  ///< "confirmed", "no reply in 2 s", "port unreachable (ICMP)", ...
  bool operator==(const CandidateOutcome&) const = default;
};

/// How the data path was found and what translates addresses on it.
struct PathResult {
  std::string dialled;     ///< where the sender sent to
  std::string arrived_at;  ///< destination that the receiver saw
  std::string seen_from;   ///< source that the receiver saw
  std::string sent_from;   ///< source that the sender used
  bool source_translated = false;
  bool destination_translated = false;
  std::uint32_t attempts = 0;   ///< probes sent in all, each from a fresh source port
  nanoseconds first_packet{0};  ///< round trip of the probe that was confirmed: a connection's first packet
  std::vector<CandidateOutcome> candidates;

  bool operator==(const PathResult&) const = default;
};

/// What a flow's model or trace gave, the warm-up included.
struct Drawn {
  std::uint64_t gaps = 0;           ///< inter-departure times that were used
  std::uint64_t gaps_redrawn = 0;   ///< drawn outside what was allowed, and again; or due (jitter, a trace) before the
                                    ///< packet ahead, and sent right after it
  std::uint64_t sizes = 0;          ///< messages
  std::uint64_t sizes_redrawn = 0;  ///< likewise; or (a trace, a message's last segment) cut or filled up to what fits
  double mean_gap = 0;              ///< seconds from one message to the next; off periods are in it, jitter is not
  double mean_size = 0;             ///< bytes of a packet

  bool operator==(const Drawn&) const = default;
};

/// What the sender did, beside what PacketFlowSpec asked, the warm-up left out.
struct Sent {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  nanoseconds span{0};        ///< from the first to the last actual send
  nanoseconds due_span{0};    ///< from the first to the last of these packets' due times: what the schedule asked
  std::uint64_t omitted = 0;  ///< packets of the warm-up
  std::uint64_t sends = 0;    ///< calls that handed these packets to the kernel
  std::uint64_t missed_slots =
      0;  ///< not sent: skipped (LatePolicy::skip), or still to be sent 1 s after the flow's end
  std::uint64_t send_retries = 0;  ///< sends that would have blocked (EAGAIN, ENOBUFS) and were tried again
  std::uint64_t send_errors = 0;   ///< sends that failed (an ICMP error of an earlier one, say) and were tried again
  Distribution lateness;           ///< actual less due send time
  Pacing pacing = Pacing::hybrid;  ///< as used: hybrid becomes sleep on a single core
  Batching batching = Batching::single;  ///< as used: offload becomes several where the kernel refuses it
  std::uint32_t batch = 1;               ///< datagrams in a call, at most
  std::optional<Drawn> drawn;            ///< of a flow with a model or a trace

  bool operator==(const Sent&) const = default;
};

/// How a UDP flow's datagrams came into the receiver's socket. A super-packet of many datagrams walks the network
/// stack, netfilter included, once.
struct Arrivals {
  std::uint64_t skbs = 0;     ///< packet buffers in which the datagrams that were read had travelled
  std::uint64_t at_hook = 0;  ///< data packets that the TC hook counted for this flow; 0: it did not count by flow
  bool coalesced = false;     ///< super-packets were taken whole (UDP_GRO); then `lost_in_socket` is what the hook
                              ///< counted less what was read, or without a hook's count super-packets

  bool operator==(const Arrivals&) const = default;
};

struct Stamping {
  Hook hook = Hook::none;
  std::string interface;  ///< where the flow's probe was stamped; empty without a TC hook
  std::string reason;     ///< why no better rung is in use; empty on TCX

  bool operator==(const Stamping&) const = default;
};

/// What came back of a flow with Meter::round_trip, by the sender's clock; joined by sequence number.
struct RoundTrip {
  Received received;  ///< lost: on either way
  nanoseconds first_arrival{0};
  nanoseconds last_arrival{0};
  Statistics statistics;  ///< as a one-way flow's, arrival being at the sender
  nanoseconds smoothed_jitter{0};
  std::uint64_t intervals = 0;
  Hook hook = Hook::none;  ///< netstamp: rx.tc is the kernel's receive stamp at the sender

  bool operator==(const RoundTrip&) const = default;
};

/// One packet flow's whole result.
struct PacketFlowResult {
  std::uint32_t flow_id = 0;
  PacketFlowSpec spec;
  PathResult path;
  bool complete = false;
  std::string incomplete_reason;  ///< empty when complete
  Sent sent;                      ///< all zero when the sender vanished before it could tell
  Received received;
  nanoseconds first_arrival{0};  ///< rx.user of the first and last packet, since the flow's start
  nanoseconds last_arrival{0};
  Statistics statistics;
  nanoseconds smoothed_jitter{0};
  std::uint64_t intervals = 0;         ///< rows of the live stream that add up to this
  std::uint64_t duplicate_window = 0;  ///< packets; see Received::duplicated
  std::uint32_t socket_flows = 0;  ///< flows that shared the receive socket with this one; lost_in_socket is theirs too
  Arrivals arrivals;
  std::uint64_t echoes_unsent = 0;      ///< that the receiver could not send back: its socket was full
  std::optional<RoundTrip> round_trip;  ///< of Meter::round_trip
  Stamping stamping;
  ClockResult clock;
  CpuTime sender_cpu;
  CpuTime receiver_cpu;

  bool operator==(const PacketFlowResult&) const = default;
};

/// TCP_INFO of a stream's sending end when an interval ended, in the words of tcp(7) and RFC 4898.
struct TcpInfo {
  std::uint64_t retransmits = 0;          ///< segments sent again, since the connection was made
  std::uint64_t bytes_retransmitted = 0;  ///< likewise
  nanoseconds smoothed_rtt{0};
  nanoseconds rtt_variance{0};
  nanoseconds min_rtt{0};
  std::uint32_t congestion_window = 0;  ///< segments
  std::uint32_t mss = 0;                ///< bytes of payload in a full segment
  double delivery_rate_bps = 0;         ///< as the kernel last estimated it
  double pacing_rate_bps = 0;           ///< at which the kernel lets segments go; 0: unlimited
  nanoseconds busy{0};                  ///< time with data under way, since the connection was made; of it:
  nanoseconds receive_window_limited{0};
  nanoseconds send_buffer_limited{0};

  bool operator==(const TcpInfo&) const = default;
};

/// What the TC hook saw of a stream's data. Adds up over intervals and streams.
struct WireCounts {
  std::uint64_t skbs = 0;      ///< packet buffers; a super-packet is one
  std::uint64_t segments = 0;  ///< with payload
  std::uint64_t bytes = 0;     ///< of payload, whatever came twice included
  std::uint64_t retransmitted_bytes =
      0;                       ///< of these: up to the highest byte that had come before, so sent again or overtaken
  std::uint64_t granules = 0;  ///< of 64 KiB whose arrival is in `host_delay`
  std::uint64_t granules_missed = 0;  ///< whose arrival was overwritten, or never seen

  bool operator==(const WireCounts&) const = default;
};

/// One stream in one interval. Each end fills in what it knows.
struct StreamInterval {
  std::uint64_t written = 0;      ///< bytes that the sending application handed to its kernel
  std::uint64_t received = 0;     ///< bytes that the receiving application got
  TcpInfo info;                   ///< of the sending end, at the interval's end
  WireCounts wire;                ///< in the interval
  std::uint64_t retransmits = 0;  ///< segments sent again in the interval; 0 until the two ends' rows are joined

  bool operator==(const StreamInterval&) const = default;
};

/// One row of a TCP flow's live stream: what was written and received within [start, end) of the flow, each by its own
/// end's clock.
struct TcpInterval {
  std::uint64_t index = 0;
  nanoseconds start{0};  ///< since the flow's start
  nanoseconds end{0};
  bool last = false;       ///< the flow's remainder: what came after its duration
  bool omitted = false;    ///< of the warm-up: not in the totals
  bool one_sided = false;  ///< the other end did not tell of it in time: what it knows is missing
  std::vector<StreamInterval> streams;
  Distribution host_delay;   ///< rx.tc to rx.user of the last byte of each granule of 64 KiB, ns, all streams together
  Distribution arrival_gap;  ///< between a stream's successive granules at the hook, ns

  bool operator==(const TcpInterval&) const = default;
};

/// One stream's result.
struct StreamResult {
  std::string sent_from;   ///< the sender's address and port; the connection is its, whichever way the data goes
  nanoseconds connect{0};  ///< from SYN to established, at the sender
  std::uint64_t written = 0;
  std::uint64_t received = 0;
  nanoseconds first_arrival{
      0};  ///< of the first and last byte that is counted, since the flow's start, at the receiving end
  nanoseconds last_arrival{0};
  Distribution goodput;           ///< bit/s received, of whole intervals
  TcpInfo info;                   ///< at the end
  std::uint64_t retransmits = 0;  ///< segments sent again in the measured part
  WireCounts wire;
  std::string ended;  ///< why before its time ("connection reset by peer"); empty if not

  bool operator==(const StreamResult&) const = default;
};

/// One TCP flow's whole result. The warm-up is in no count but `omitted_bytes`.
struct TcpFlowResult {
  std::uint32_t flow_id = 0;
  TcpFlowSpec spec;
  PathResult path;  ///< of the first stream; its first_packet is the round trip of the first request on the connection
  bool complete = false;
  std::string incomplete_reason;  ///< empty when complete
  std::string congestion;         ///< congestion control of the sending end, as used
  std::vector<StreamResult> streams;
  std::uint64_t written = 0;
  std::uint64_t received = 0;
  std::uint64_t omitted_bytes = 0;  ///< received in the warm-up
  nanoseconds first_arrival{0};     ///< of the first and last byte that is counted, since the flow's start
  nanoseconds last_arrival{0};
  Distribution goodput;  ///< bit/s received by all streams together, of whole intervals
  Distribution host_delay;
  Distribution arrival_gap;
  WireCounts wire;
  std::uint64_t intervals = 0;
  Stamping stamping;  ///< of the first stream, at the receiver
  ClockResult clock;
  CpuTime sender_cpu;
  CpuTime receiver_cpu;

  bool operator==(const TcpFlowResult&) const = default;
};

/// Bits a second that the receiving application got, from the flow's (or the measured part's) start to its last byte.
inline double goodput_bps(std::uint64_t bytes, nanoseconds first, nanoseconds last) {
  if (last <= first) return 0;
  return static_cast<double>(bytes) * 8e9 / static_cast<double>((last - first).count());
}

/// Why an exchange on a connection of its own came to nothing.
enum class ConnectionFailure {
  refused,      ///< by the peer (RST), or ICMP port unreachable
  reset,        ///< after it had been made
  timed_out,    ///< not over in ConnectionFlowSpec::timeout
  unreachable,  ///< no route, or ICMP said so
  no_port,      ///< no source port left at the sender (EADDRNOTAVAIL)
  wrong_reply,  ///< closed early, or answered by something else
  other,
};
inline constexpr std::size_t kConnectionFailures = 7;

constexpr std::string_view to_string(ConnectionFailure failure) {
  switch (failure) {
    case ConnectionFailure::refused: return "refused";
    case ConnectionFailure::reset: return "reset";
    case ConnectionFailure::timed_out: return "timed_out";
    case ConnectionFailure::unreachable: return "unreachable";
    case ConnectionFailure::no_port: return "no_port";
    case ConnectionFailure::wrong_reply: return "wrong_reply";
    case ConnectionFailure::other: return "other";
  }
  return "other";
}

/// What became of exchanges, each on a connection of its own. Adds up over intervals.
struct Exchanges {
  std::uint64_t started = 0;
  std::uint64_t completed = 0;
  std::array<std::uint64_t, kConnectionFailures> failed{};  ///< by ConnectionFailure
  std::uint64_t missed_slots = 0;  ///< not started in time: as many as are allowed were under way
  Distribution connect;            ///< TCP: from SYN to established, ns
  Distribution first_packet;       ///< from the request to its reply, ns: UDP's first packet of a connection
  Distribution whole;              ///< from connect() to the reply, ns
  Distribution lateness;           ///< actual less due start, ns; empty when flat out

  std::uint64_t failures() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : failed) sum += count;
    return sum;
  }
  bool operator==(const Exchanges&) const = default;
};

/// One row of a connection flow's live stream: exchanges that started or ended in it, by the sender's clock.
struct ConnectionInterval {
  std::uint64_t index = 0;
  nanoseconds start{0};  ///< since the flow's start
  nanoseconds end{0};
  bool last = false;     ///< the flow's remainder: exchanges that were under way when its duration ended
  bool omitted = false;  ///< of the warm-up: not in the totals
  Exchanges exchanges;

  bool operator==(const ConnectionInterval&) const = default;
};

/// One connection flow's whole result.
struct ConnectionFlowResult {
  std::uint32_t flow_id = 0;
  ConnectionFlowSpec spec;
  PathResult path;
  bool complete = false;
  std::string incomplete_reason;  ///< empty when complete
  Exchanges exchanges;            ///< the warm-up left out
  std::uint64_t answered = 0;     ///< requests that the receiver answered, the warm-up's included
  nanoseconds span{0};            ///< from the first start to the last completion that is counted
  std::uint32_t concurrency = 0;  ///< as used
  std::uint64_t intervals = 0;
  CpuTime sender_cpu;
  CpuTime receiver_cpu;

  bool operator==(const ConnectionFlowResult&) const = default;
};

using FlowResult = std::variant<PacketFlowResult, TcpFlowResult, ConnectionFlowResult>;

inline bool is_complete(const FlowResult& flow) {
  return std::visit([](const auto& result) { return result.complete; }, flow);
}

/// A network interface of the machine, as it stood when the session began.
struct Interface {
  std::string name;
  std::string driver;  ///< "veth", "virtio_net"; empty: the kernel does not say
  std::uint32_t mtu = 0;
  std::string qdisc;                  ///< its root's kind; "noqueue", "fq"
  std::vector<std::string> offloads;  ///< features of ethtool(8) that are on, of those that matter here
  std::vector<std::string>
      programs;  ///< BPF on its TC ingress hook, in order: "tcx paceline_stamp", "clsact cil_from_netdev"
  bool operator==(const Interface&) const = default;
};

/// The machine that one end ran on.
struct Host {
  std::string kernel;                 ///< release, "6.1.0-18-amd64"
  std::string cpu;                    ///< model name
  std::uint32_t cpus = 0;             ///< that the process may use
  std::string clocksource;            ///< "tsc", "kvm-clock"
  std::vector<Interface> interfaces;  ///< that are up, not a loopback; the first kMaxInterfaces
  static constexpr std::size_t kMaxInterfaces = 8;
  bool operator==(const Host&) const = default;
};

/// Flows of one run.
struct RunResult {
  std::string version;     ///< Paceline's
  std::string title;       ///< the user's, as given
  std::string started_at;  ///< UTC, RFC 3339
  Host sender;
  Host receiver;  ///< of the first flow
  std::vector<FlowResult> flows;
  std::vector<SliceResult> slices;
  std::vector<ObjectiveResult> requirements;  ///< on all flows together; not on the wire: who asks for them judges them

  bool complete() const {
    for (const FlowResult& flow : flows) {
      if (!is_complete(flow)) return false;
    }
    return !flows.empty();
  }
  bool operator==(const RunResult&) const = default;
};

/// Packets per second over a span that `packets` delimit: (n - 1) / span; 0 for fewer than two packets.
inline double rate_pps(std::uint64_t packets, nanoseconds span) {
  if (packets < 2 || span <= nanoseconds{0}) return 0;
  return static_cast<double>(packets - 1) * 1e9 / static_cast<double>(span.count());
}

}  // namespace paceline
