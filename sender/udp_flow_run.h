// SPDX-License-Identifier: MIT
#pragma once

#include <asio/steady_timer.hpp>
#include <cstdint>
#include <memory>

#include "sender/packet_flow_run.h"
#include "sender/probe_socket.h"
#include "sender/round_trips.h"
#include "sender/udp_sending.h"
#include "traffic/clock_exchange.h"
#include "traffic/echo_reader.h"

namespace paceline::sender {

/// Packets over UDP: they leave by the socket whose probe was answered.
class UdpFlowRun : public PacketFlowRun {
 public:
  /// `sending` and `echoes`, which reads what comes back and may be null for a one-way flow, outlive it.
  UdpFlowRun(RunContext& run, std::size_t index, std::uint16_t source_port, const traffic::PacketPlan& plan,
             UdpSending& sending, traffic::EchoReader* echoes);

  asio::awaitable<void> prepare() override;

 private:
  void begin() override;
  void halt() override { sending_.stop(number_); }
  asio::awaitable<void> break_off() override;
  asio::awaitable<void> report(wire::FlowDone& done) override;
  void fill(wire::StartFlow& request) override;
  void saw(const PacketInterval& interval) override;
  void close_path() override { socket_->close(); }
  Clock::duration summary_limit() const override { return std::chrono::seconds(6); }  // it waits for stragglers for 2 s

  asio::awaitable<void> keep_path();
  asio::awaitable<void> end_keep_path();
  void measure_round_trips();
  asio::awaitable<void> await_echoes();

  std::shared_ptr<ProbeSocket> socket_;
  traffic::ClockExchange clock_before_;
  UdpSending& sending_;
  std::size_t number_ = 0;  // with sending_

  traffic::EchoReader* echoes_;
  std::unique_ptr<RoundTrips> round_trips_;  // while packets are sent and come back

  bool keeping_path_ = false;
  asio::steady_timer keep_pause_;
  asio::steady_timer path_kept_;  // cancelled when keep_path() is over
  std::uint64_t unbound_ = 0;     // in the rows so far
  nanoseconds silence_{0};        // rows without a packet, at the end
};

}  // namespace paceline::sender
