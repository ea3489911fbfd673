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
#include "traffic/packet_plan.h"
#include "traffic/udp_sender.h"
#include "traffic/worker.h"

namespace paceline::traffic {

/// A flow of records that is ready to go. The plan's specification is the flow's.
struct RecordFlow {
  int socket = -1;  ///< connected TCP or SCTP socket, non-blocking; stays the caller's
  std::uint32_t flow_id = 0;
  PacketPlan plan;
  SenderTime start{};                              ///< the first record's due time, of the warm-up if there is one
  SentSink* sink = nullptr;                        ///< outlives the sender; told of the measured part's records only
  nanoseconds patience = std::chrono::seconds(5);  ///< how long the other end may take nothing
  nanoseconds overtime = std::chrono::seconds(1);  ///< how long late records may be sent after the flow's duration
};

/// What became of it.
struct RecordFlowOutcome {
  Sent sent;                    ///< without its lateness, which the sink has
  std::uint64_t sequences = 0;  ///< records that left, the warm-up's included
  std::string error;            ///< why the flow ended early; empty when it did not, or was stopped
};

/// Writes records, each at its due time, on as few workers as they keep busy; a worker keeps its flows in the order of
/// their next due time, and waits for the sockets that are full at the same time.
///
/// A record whose socket is full waits, and those after it are late: that is what a connection that is too slow does to
/// its user. tx.user is the time right before its first byte was handed to the kernel; each call that found no room is
/// a send_retry. LatePolicy::skip leaves out records that the next one has caught up with. A flow is over when its last
/// record is with the kernel, at its end by time, packets or bytes; records that are not by the end of the overtime are
/// missed_slots.
class RecordSender {
 public:
  /// Called once for each flow when it is over, on a worker's thread.
  using Ended = std::function<void(std::size_t flow, RecordFlowOutcome&&)>;

  /// Throws std::system_error, SetupError when the workers cannot be started, UsageError for a payload file that cannot
  /// be read.
  RecordSender(std::vector<RecordFlow> flows, const WorkerOptions& workers, Ended ended);
  /// Stops what still runs and waits for it.
  ~RecordSender();
  RecordSender(const RecordSender&) = delete;
  RecordSender& operator=(const RecordSender&) = delete;

  /// From any thread. The flow ends soon.
  void stop(std::size_t flow);

  /// What become_worker() said, once a reason.
  std::vector<std::string> warnings() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline::traffic
