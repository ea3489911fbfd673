// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>

#include "paceline/clock.h"
#include "paceline/flow.h"
#include "paceline/result.h"

namespace paceline::traffic {

/// Told of every packet right after it left, on the sending thread: must not block, lock or allocate.
class SentSink {
 public:
  virtual ~SentSink() = default;
  /// `lateness_ns`: the time read right before the send less the due time; never negative.
  virtual void sent(std::uint64_t sequence, std::int64_t lateness_ns) = 0;
};

/// A UDP flow that is ready to go.
struct UdpFlow {
  int socket = -1;  ///< connected UDP socket; stays the caller's
  std::uint32_t flow_id = 0;
  FlowSpec spec;                                   ///< valid
  SenderTime start{};                              ///< the first packet's due time
  std::size_t flows = 1;                           ///< that this process sends at once; see affordable_pacing
  nanoseconds patience = std::chrono::seconds(5);  ///< how long sends may do nothing but fail
  nanoseconds overtime = std::chrono::seconds(1);  ///< how long late slots may be sent after the flow's duration
};

/// What became of it.
struct UdpFlowOutcome {
  Sent sent;                ///< without its lateness, which the sink has
  SenderTime first_sent{};  ///< tx.user of the first and last packet; meaningless when none was sent
  SenderTime last_sent{};
  std::string error;  ///< why the flow ended early, with what to check; empty when it did not, or was stopped
};

/// Sends a flow on the calling thread and returns when it is over: the last slot served, or a stop requested
/// (a normal end). Sequence numbers count the packets that left, so one that never did is no loss: a failed
/// send is tried again with a new tx.user, at once and then after 10 us to 1 ms. Retries are counted as
/// send_retries (EAGAIN, ENOBUFS) and send_errors (everything else, an ICMP error of an earlier packet for
/// example). Slots that were not sent (LatePolicy::skip; still to be sent when the overtime ends) are counted
/// as missed_slots. A packet that is too large for the path ends the flow.
///
/// Turns on the socket's IP_RECVERR (a full egress queue is then ENOBUFS instead of a silent drop), clears
/// its pending errors and raises SO_SNDBUF.
UdpFlowOutcome send_udp_flow(const UdpFlow& flow, SentSink& sink, std::stop_token stop = {});

}  // namespace paceline::traffic
