// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "paceline/clock.h"
#include "paceline/flow.h"
#include "traffic/datagram_batch.h"
#include "traffic/packet_plan.h"
#include "traffic/slots.h"
#include "traffic/udp_sender.h"

namespace paceline::traffic {

/// One UDP flow on its way: what is due next, and what has left so far. Whoever owns it waits and calls serve(); it
/// never waits itself. The rules are UdpSender's.
class UdpSending {
 public:
  /// Turns on the socket's IP_RECVERR (a full egress queue is then ENOBUFS instead of a silent drop), clears its
  /// pending errors and raises SO_SNDBUF. `pacing`: as used, for the outcome.
  UdpSending(const UdpFlow& flow, Pacing pacing);

  /// When serve() has something to do for the first time.
  SenderTime first_turn() const { return turn(); }

  /// Sends what is due, at most a batch; `now`, read just before, is its tx.user. Returns when it is to be called again
  /// (a time in the past: at once), nothing when the flow is over.
  std::optional<SenderTime> serve(SenderTime now);

  UdpFlowOutcome outcome() const;

 private:
  bool flat_out() const { return !slots_.has_value(); }
  SenderTime turn() const { return flow_.start + (planned_ > 0 ? batch_slots_[planned_ - 1].due : nanoseconds{0}); }
  std::optional<SenderTime> serve_slots(SenderTime now);
  std::optional<SenderTime> serve_flat_out(SenderTime now);
  std::size_t wanted() const;
  std::optional<SenderTime> plan();
  bool a_whole_batch_late(SenderTime now) const;
  void pass_batch();
  std::optional<SenderTime> pass_rest(SenderTime now);
  std::size_t hand_over(std::size_t count, SenderTime now, bool measured);
  void account(std::size_t count, SenderTime now);
  std::optional<SenderTime> failed(SenderTime now, bool measured);
  void count_failure();
  std::int64_t lateness(std::size_t index, SenderTime now) const {
    return flat_out() ? 0 : (now - flow_.start - batch_slots_[index].due).count();
  }

  UdpFlow flow_;
  SenderTime measured_from_;
  SenderTime end_;  // nothing is sent from then on
  DatagramBatch batch_;
  UdpFlowOutcome outcome_;
  SenderTime first_sent_{};  // of the measured part
  SenderTime last_sent_{};
  nanoseconds first_due_{0};
  nanoseconds last_due_{0};

  std::optional<Slots> slots_;     // behind those of the next batch; none when flat out
  std::vector<Slot> batch_slots_;  // flat out: all of one size, and due never
  std::size_t planned_ = 0;        // of these, in the batch
  bool batch_in_warm_up_ = false;

  // While sends fail.
  int error_ = 0;
  std::optional<SenderTime> failing_since_;
  nanoseconds pause_{0};
};

}  // namespace paceline::traffic
