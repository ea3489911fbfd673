// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "paceline/clock.h"
#include "paceline/flow.h"
#include "traffic/datagram_batch.h"
#include "traffic/schedule.h"
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
  bool flat_out() const { return flow_.spec.rate_pps == 0; }
  SenderTime turn() const { return flow_.start + (flat_out() ? nanoseconds{0} : dues_[planned_ - 1]); }
  std::optional<SenderTime> serve_slots(SenderTime now);
  std::optional<SenderTime> serve_flat_out(SenderTime now);
  void plan();
  bool a_whole_batch_late(SenderTime now) const;
  std::optional<SenderTime> pass_slots(std::uint64_t count);
  std::size_t hand_over(std::size_t count, SenderTime now, bool measured);
  void account(std::size_t count, SenderTime now);
  std::optional<SenderTime> failed(SenderTime now, bool measured);
  void count_failure();
  std::int64_t lateness(std::size_t index, SenderTime now) const {
    return flat_out() ? 0 : (now - flow_.start - dues_[index]).count();
  }

  UdpFlow flow_;
  SenderTime measured_from_;
  SenderTime end_;  // nothing is sent from then on
  DatagramBatch batch_;
  UdpFlowOutcome outcome_;
  SenderTime first_sent_{};  // of the measured part
  SenderTime last_sent_{};

  // Of a flow with a rate: its slots, and those of the next batch.
  ConstantRate schedule_;
  std::uint64_t slots_ = 0;
  std::uint64_t warm_up_slots_ = 0;  // of these, the first
  std::uint64_t slot_ = 0;           // the batch's first
  nanoseconds next_due_{0};          // of the slot after the batch's last
  std::vector<nanoseconds> dues_;
  std::size_t planned_ = 0;  // slots in the batch; 0: none are left

  // While sends fail.
  int error_ = 0;
  std::optional<SenderTime> failing_since_;
  nanoseconds pause_{0};
};

}  // namespace paceline::traffic
