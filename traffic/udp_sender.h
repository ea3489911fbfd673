// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "paceline/clock.h"
#include "paceline/flow.h"
#include "paceline/result.h"
#include "traffic/envelope.h"
#include "traffic/packet_plan.h"
#include "traffic/payload_bytes.h"
#include "traffic/worker.h"

namespace paceline::traffic {

/// Told of every packet right after it left, on the sending thread: must not block, lock or allocate.
class SentSink {
 public:
  virtual ~SentSink() = default;
  /// `lateness_ns`: the time read right before the send less the due time; 0 for packets of a flow without a rate.
  virtual void sent(std::uint64_t sequence, std::int64_t lateness_ns) = 0;
};

/// A UDP flow that is ready to go.
struct UdpFlow {
  int socket = -1;  ///< connected UDP socket; stays the caller's
  std::uint32_t flow_id = 0;
  PacketFlowSpec spec;                             ///< valid, ready (PacketPlan); its delay is in `start` already
  std::shared_ptr<PacketSource> source;            ///< of a model or a trace, from its start: no other flow's
  std::shared_ptr<const PayloadBytes> payload;     ///< null: zeros
  SenderTime start{};                              ///< the first packet's due time, of the warm-up if there is one
  Envelope* envelope = nullptr;                    ///< outlives the sender; of Batching::single. Its owner reads the
                                                   ///< socket, and the errors that wait there
  SentSink* sink = nullptr;                        ///< outlives the sender; told of the measured part's packets only
  nanoseconds patience = std::chrono::seconds(5);  ///< how long sends may do nothing but fail
  nanoseconds overtime = std::chrono::seconds(1);  ///< how long late slots may be sent after the flow's duration
};

inline bool is_flat_out(const UdpFlow& flow) { return flow.source == nullptr && flow.spec.rate_pps == 0; }

/// What became of it.
struct UdpFlowOutcome {
  Sent sent;                    ///< without its lateness, which the sink has
  std::uint64_t sequences = 0;  ///< packets that left, the warm-up's included
  std::string error;            ///< why the flow ended early, with what to check; empty when it did not, or was stopped
};

/// Sends UDP flows on as many workers as they keep busy, worker_count() at most. Each worker keeps its flows in the
/// order of their next due time, so a packet costs the same in one flow of many as in a single one.
///
/// A flow is over when its last slot is served or it is stopped (a normal end). Its slots are all that are due in its
/// duration, or as many as its packets or bytes ask for: the same ones whether or not each can be sent. Sequence
/// numbers count the packets that left, so one that never did is no loss: a failed send is tried again with a new
/// tx.user, at once and then after 10 us to 1 ms. Retries are counted as send_retries (EAGAIN, ENOBUFS) and send_errors
/// (everything else, an ICMP error of an earlier packet for example). Slots that were not sent (LatePolicy::skip; still
/// to be sent when the overtime ends) are counted as missed_slots. A packet that is too large for the path ends the
/// flow.
///
/// A flow with batching hands the datagrams of a batch to the kernel when the last of them is due, or when no more are
/// due in 1 ms; each has its own lateness, and all have the tx.user of their call. LatePolicy::skip then leaves out
/// batches that are as late as the next batch is after them; where that is due at the same time (the rest of a video
/// frame), as late as the last gap was long. Where the kernel refuses Batching::offload, or sizes vary, it becomes
/// Batching::several.
///
/// A flow without a rate is sent as fast as its worker's other flows allow: each turn is one call.
class UdpSender {
 public:
  /// Called once for each flow when it is over, on a worker's thread.
  using Ended = std::function<void(std::size_t flow, UdpFlowOutcome&&)>;

  /// Prepares the sockets (see UdpSending) and starts the workers. Throws std::system_error when it can't.
  UdpSender(std::vector<UdpFlow> flows, const WorkerOptions& workers, Ended ended);
  /// Stops what still runs and waits for it.
  ~UdpSender();
  UdpSender(const UdpSender&) = delete;
  UdpSender& operator=(const UdpSender&) = delete;

  /// From any thread. The flow ends soon.
  void stop(std::size_t flow);

  /// What become_worker() said, once a reason.
  std::vector<std::string> warnings() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline::traffic
