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
#include <vector>

#include "paceline/clock.h"
#include "paceline/distribution.h"
#include "paceline/flow.h"

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

/// One row of the live stream: what arrived within [start, end) of the flow, receiver's rx.user time.
struct Interval {
  std::uint64_t index = 0;
  nanoseconds start{0};  ///< since the flow's start (the first packet's due time)
  nanoseconds end{0};
  Received received;  ///< of this interval; loss of packets that were overtaken or due in it
  std::vector<Correction> corrections;
  Statistics statistics;
  nanoseconds smoothed_jitter{0};  ///< RFC 3550 estimator at the interval's end
  nanoseconds first_arrival{0};    ///< rx.user of its first and last packet, since the flow's start; 0 without any
  nanoseconds last_arrival{0};
  bool last = false;  ///< the flow's remainder: stragglers and the lost tail

  bool operator==(const Interval&) const = default;
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

/// What the sender did, beside what FlowSpec asked.
struct Sent {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  nanoseconds span{0};  ///< from the first to the last actual send
  std::uint64_t missed_slots =
      0;  ///< not sent: skipped (LatePolicy::skip), or still to be sent 1 s after the flow's end
  std::uint64_t send_retries = 0;  ///< sends that would have blocked (EAGAIN, ENOBUFS) and were tried again
  std::uint64_t send_errors = 0;   ///< sends that failed (an ICMP error of an earlier one, say) and were tried again
  Distribution lateness;           ///< actual less due send time
  Pacing pacing = Pacing::hybrid;  ///< as used: hybrid becomes sleep on a single core

  bool operator==(const Sent&) const = default;
};

struct Stamping {
  Hook hook = Hook::none;
  std::string interface;  ///< where the flow's probe was stamped; empty without a TC hook
  std::string reason;     ///< why no better rung is in use; empty on TCX

  bool operator==(const Stamping&) const = default;
};

/// One flow's whole result.
struct FlowResult {
  std::uint32_t flow_id = 0;
  FlowSpec spec;
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
  Stamping stamping;
  ClockResult clock;

  bool operator==(const FlowResult&) const = default;
};

/// The machine that one end ran on.
struct Host {
  std::string kernel;       ///< release, "6.1.0-18-amd64"
  std::string cpu;          ///< model name
  std::uint32_t cpus = 0;   ///< that the process may use
  std::string clocksource;  ///< "tsc", "kvm-clock"
  bool operator==(const Host&) const = default;
};

/// Flows that were started together.
struct RunResult {
  std::string version;     ///< Paceline's
  std::string started_at;  ///< UTC, RFC 3339
  Host sender;
  Host receiver;
  std::vector<FlowResult> flows;

  bool complete() const {
    for (const FlowResult& flow : flows) {
      if (!flow.complete) return false;
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
