// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "paceline/clock.h"
#include "traffic/packet_plan.h"
#include "traffic/record_sender.h"
#include "traffic/schedule.h"

namespace paceline::traffic {

/// One flow of records on its way: what is due next, what is half written, and what has left so far. Whoever owns it
/// waits and calls serve(); it never waits itself. The rules are RecordSender's.
class RecordSending {
 public:
  /// `pacing`: as used, for the outcome.
  RecordSending(const RecordFlow& flow, Pacing pacing);

  /// When serve() has something to do for the first time.
  SenderTime first_turn() const { return turn(); }

  /// Writes what is due; `now` was read just before. Returns when it is to be called again (a time in the past: at
  /// once), nothing when the flow is over. While blocked() it is to be called when the socket has room, too.
  std::optional<SenderTime> serve(SenderTime now);
  /// Whether its socket was full.
  bool blocked() const { return blocked_since_.has_value(); }
  int socket() const { return flow_.socket; }

  RecordFlowOutcome outcome() const;

 private:
  bool flat_out() const { return !source_ && spec_.rate_pps == 0; }
  bool measured() const { return slot_.due >= spec_.omit; }
  SenderTime turn() const { return flow_.start + slot_.due; }
  bool draw(Slot& slot);
  bool next_slot();
  bool overtaken(SenderTime now);
  bool enough() const;
  void begin_record(SenderTime now);
  bool write();
  void account();
  std::optional<SenderTime> serve_flat_out(SenderTime now);
  std::optional<SenderTime> refused(SenderTime now);
  std::optional<SenderTime> pass_the_rest();

  RecordFlow flow_;
  PacketFlowSpec spec_;
  SenderTime end_;         // nothing is written from then on
  nanoseconds slots_end_;  // nor is anything due, since the start
  std::unique_ptr<PacketSource> source_;
  ConstantRate schedule_;
  std::uint64_t drawn_ = 0;    // slots
  Slot slot_;                  // the one that is next, or under way
  std::optional<Slot> ahead_;  // the one after it, where it had to be known
  bool slots_left_ = true;

  std::vector<std::uint8_t> record_;  // length, header, payload
  std::size_t record_size_ = 0;       // of the one under way; 0: none is
  std::size_t written_ = 0;           // of it
  SenderTime begun_{};                // its tx.user
  std::uint16_t sctp_streams_ = 0;    // 0: TCP
  int error_ = 0;
  std::optional<SenderTime> blocked_since_;

  RecordFlowOutcome outcome_;
  SenderTime first_sent_{}, last_sent_{};  // of the measured part
  nanoseconds first_due_{0}, last_due_{0};
};

}  // namespace paceline::traffic
