// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "sender/packet_flow_run.h"
#include "sender/probe_connection.h"
#include "sender/record_traffic.h"
#include "sender/round_trips.h"

namespace paceline::sender {

/// Packets as records over a TCP or SCTP connection, the one whose probe was answered.
class RecordFlowRun : public PacketFlowRun {
 public:
  /// `traffic` outlives it.
  RecordFlowRun(RunContext& run, std::size_t index, std::uint16_t source_port, const traffic::PacketPlan& plan,
                RecordTraffic& traffic);

  asio::awaitable<void> prepare() override;

 private:
  class EchoedRecords;

  void begin() override;
  void halt() override { traffic_.stop(number_); }
  asio::awaitable<void> break_off() override;
  asio::awaitable<void> report(wire::FlowDone& done) override;
  void fill(wire::StartFlow& request) override;
  void close_path() override { socket_.reset(); }
  Clock::duration summary_limit() const override { return std::chrono::seconds(65); }  // it waits for 60 s at most

  bool over_sctp() const { return spec().transport == Transport::sctp; }
  void configure(int socket) const;
  void check_streams(int socket) const;
  void measure_round_trips();
  asio::awaitable<void> await_echoes();

  std::shared_ptr<ProbeConnection> connection_;  // until it carries the flow
  std::uint32_t attempt_ = 0;                    // that made it
  std::shared_ptr<const traffic::FileDescriptor> socket_;
  RecordTraffic& traffic_;
  std::size_t number_ = 0;  // with traffic_

  std::unique_ptr<RoundTrips> round_trips_;  // while records come back
  std::optional<std::uint64_t> reading_;     // their number with the reader
};

}  // namespace paceline::sender
