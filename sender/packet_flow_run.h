// SPDX-License-Identifier: MIT
#pragma once

#include <asio/steady_timer.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "decoder/histogram.h"
#include "sender/flow_run.h"
#include "sender/record_file.h"
#include "sender/round_trips.h"
#include "traffic/cpu_meter.h"
#include "traffic/packet_plan.h"
#include "traffic/udp_sender.h"

namespace paceline::sender {

/// Packets, whatever carries them: what was sent, what the receiver tells of them, and what came back.
class PacketFlowRun : public FlowRun {
 public:
  FlowResult result() const override { return result_; }
  asio::awaitable<void> bring_record() override;

 protected:
  PacketFlowRun(RunContext& run, std::size_t index, std::uint16_t source_port, const traffic::PacketPlan& plan);

  /// Asks the receiver for the flow.
  asio::awaitable<wire::FlowOffer> ask();

  /// The sending thread is through with the flow. `Outcome` is that of whoever sent it.
  template <class Outcome>
  void on_sent(Outcome&& outcome, const std::vector<std::string>& warnings) {
    sent_ = std::move(outcome.sent);
    sequences_ = outcome.sequences;
    error_ = std::move(outcome.error);
    sending_over(warnings);
  }

  /// Whom the flow's round trips tell of rows, and of their end.
  RoundTrips::Listener echo_listener();
  /// Waits until that has come.
  asio::awaitable<void> echoes_end();

  bool over() const override { return over_; }
  void take(const wire::IntervalReport& report) override;
  void take(const wire::FlowSummary& summary) override;
  void take(const wire::FlowStarted& started) override;
  void conclude(const std::string& incomplete) override;
  nanoseconds length() const override { return spec_.omit + spec_.duration; }
  void tell_sent(wire::FlowDone& done) const;

  /// A row has come from the receiver.
  virtual void saw(const PacketInterval& interval) { (void)interval; }
  /// This end of the data path is of no more use.
  virtual void close_path() = 0;

  const traffic::PacketPlan& plan() const { return plan_; }
  const PacketFlowSpec& spec() const { return spec_; }
  /// Whether packets differ in size.
  bool drawn() const { return spec_.model || spec_.trace; }
  std::uint32_t least_size() const { return drawn() ? PacketFlowSpec::kMinSize : spec_.size; }
  traffic::SentSink& lateness() { return lateness_; }
  /// Packets that left, the warm-up's included.
  std::uint64_t sequences() const { return sequences_; }

 private:
  /// Keeps the flow's lateness: written by the sending thread, read when it is over.
  class LatenessSink : public traffic::SentSink {
   public:
    void sent(std::uint64_t, std::int64_t lateness_ns) override { histogram_.record(lateness_ns); }
    Distribution take() { return histogram_.take(); }

   private:
    decoder::Histogram histogram_;
  };

  void sending_over(const std::vector<std::string>& warnings);
  RoundTrip round_trip() const;

  traffic::PacketPlan plan_;
  PacketFlowSpec spec_;
  PacketFlowResult result_;

  LatenessSink lateness_;
  traffic::CpuMeter<SenderClock, asio::steady_timer> cpu_;
  Sent sent_;
  std::uint64_t sequences_ = 0;
  std::string error_;                   // why sending ended early
  std::unique_ptr<RecordFile> record_;  // null: none was asked for
  bool over_ = false;                   // nothing is being sent any more

  PacketFlowResult echoed_;  // as a receiver counts a flow
  bool echoes_over_ = false;
  asio::steady_timer echoes_awaited_;  // cancelled when they are over
};

}  // namespace paceline::sender
