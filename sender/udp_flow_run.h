// SPDX-License-Identifier: MIT
#pragma once

#include <asio/steady_timer.hpp>
#include <cstdint>
#include <memory>

#include "decoder/histogram.h"
#include "sender/flow_run.h"
#include "sender/probe_socket.h"
#include "sender/udp_sending.h"
#include "traffic/clock_exchange.h"
#include "traffic/cpu_meter.h"

namespace paceline::sender {

/// Packets over UDP: they leave by the socket whose probe was answered.
class UdpFlowRun : public FlowRun {
 public:
  /// `sending` outlives it.
  UdpFlowRun(RunContext& run, std::size_t index, std::uint16_t source_port, const UdpFlowSpec& spec,
             UdpSending& sending);

  asio::awaitable<void> prepare() override;
  FlowResult result() const override { return result_; }

 private:
  void begin() override;
  bool over() const override { return over_; }
  void halt() override { sending_.stop(number_); }
  asio::awaitable<void> break_off() override;
  void take(const wire::IntervalReport& report) override;
  asio::awaitable<void> report(wire::FlowDone& done) override;
  void take(const wire::FlowSummary& summary) override;
  void conclude(const std::string& incomplete) override;
  void fill(wire::StartFlow& request) override;
  void take(const wire::FlowStarted& started) override;
  nanoseconds length() const override { return spec_.omit + spec_.duration; }
  Clock::duration summary_limit() const override { return std::chrono::seconds(6); }  // it waits for stragglers for 2 s

  void on_sent(traffic::UdpFlowOutcome&& outcome);
  asio::awaitable<void> keep_path();
  asio::awaitable<void> end_keep_path();

  /// Keeps the flow's lateness: written by the sending thread, read when it is over.
  class LatenessSink : public traffic::SentSink {
   public:
    void sent(std::uint64_t, std::int64_t lateness_ns) override { histogram_.record(lateness_ns); }
    Distribution take() { return histogram_.take(); }

   private:
    decoder::Histogram histogram_;
  };

  UdpFlowSpec spec_;
  UdpFlowResult result_;
  std::shared_ptr<ProbeSocket> socket_;
  traffic::ClockExchange clock_before_;

  LatenessSink lateness_;
  UdpSending& sending_;
  std::size_t number_ = 0;  // with sending_
  traffic::CpuMeter<SenderClock, asio::steady_timer> cpu_;
  Sent sent_;
  std::string error_;  // why sending ended early
  bool over_ = false;  // nothing is being sent any more

  bool keeping_path_ = false;
  asio::steady_timer keep_pause_;
  asio::steady_timer path_kept_;  // cancelled when keep_path() is over
  std::uint64_t unbound_ = 0;     // in the rows so far
  nanoseconds silence_{0};        // rows without a packet, at the end
};

}  // namespace paceline::sender
