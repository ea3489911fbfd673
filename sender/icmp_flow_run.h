// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "decoder/histogram.h"
#include "sender/icmp_replies.h"
#include "sender/run_context.h"
#include "sender/run_part.h"
#include "sender/udp_sending.h"
#include "traffic/address.h"
#include "traffic/cpu_meter.h"
#include "traffic/icmp_echo.h"
#include "traffic/packet_plan.h"

namespace paceline::sender {

/// Echo requests over ICMP, which the far kernel answers: there is no receiver, and all is measured here.
class IcmpFlowRun : public RunPart {
 public:
  /// `sending` outlives it.
  IcmpFlowRun(RunContext& run, std::size_t index, const traffic::PacketPlan& plan, UdpSending& sending);

  asio::awaitable<void> prepare() override;
  void request_start(SenderTime start) override;
  asio::awaitable<void> await_start() override;
  asio::awaitable<void> run() override;
  void stop(const std::string& why) override;
  bool started() const override { return started_; }
  FlowResult result() const override { return result_; }

 private:
  asio::awaitable<std::string> try_address(const traffic::Address& to);
  asio::awaitable<std::string> first_round_trip();
  int send_probe(std::uint32_t attempt);
  asio::awaitable<bool> answered(std::uint32_t attempt, asio::steady_timer::time_point limit, std::string& why);
  void drain_errors();
  void on_sent(traffic::UdpFlowOutcome&& outcome);
  void on_interval(const PacketInterval& interval);
  void on_finished(const IcmpReplies::Errors& errors);
  asio::awaitable<void> until(const bool& over);
  void conclude();

  /// Written by the sending thread, read when it is over.
  class LatenessSink : public traffic::SentSink {
   public:
    void sent(std::uint64_t, std::int64_t lateness_ns) override { histogram_.record(lateness_ns); }
    Distribution take() { return histogram_.take(); }

   private:
    decoder::Histogram histogram_;
  };

  RunContext& run_;
  std::size_t index_;
  traffic::PacketPlan plan_;
  UdpSending& sending_;
  std::size_t number_ = 0;  // with sending_
  PacketFlowResult result_;
  PacketFlowResult back_;  // what came back, as if it were what a receiver counted
  std::unique_ptr<traffic::IcmpEcho> echo_;
  SenderTime start_{};
  LatenessSink lateness_;
  std::unique_ptr<IcmpReplies> replies_;
  traffic::CpuMeter<SenderClock, asio::steady_timer> cpu_;
  asio::steady_timer news_;  // cancelled when sent_all_ or finished_ becomes true
  std::uint64_t sequences_ = 0;
  std::string error_;  // why sending ended early
  std::string stopped_why_;
  bool started_ = false, begun_ = false, sent_all_ = false, finished_ = false;
};

}  // namespace paceline::sender
