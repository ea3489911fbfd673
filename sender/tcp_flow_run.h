// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <vector>

#include "decoder/totals.h"
#include "sender/flow_run.h"
#include "sender/probe_connection.h"
#include "traffic/clock_exchange.h"
#include "traffic/tcp_transfer.h"

namespace paceline::sender {

/// Bytes over TCP connections, all of which this end makes, whichever way the bytes go.
class TcpFlowRun : public FlowRun {
 public:
  TcpFlowRun(RunContext& run, std::size_t index, std::uint16_t source_port, const TcpFlowSpec& spec);

  asio::awaitable<void> prepare() override;
  FlowResult result() const override { return result_; }

 private:
  class TransferEvents;

  void begin() override;
  bool over() const override { return over_; }
  void halt() override;
  asio::awaitable<void> break_off() override;
  void take(const wire::IntervalReport& report) override;
  asio::awaitable<void> report(wire::FlowDone& done) override;
  void take(const wire::FlowSummary& summary) override;
  void conclude(const std::string& incomplete) override;
  void fill(wire::StartFlow& request) override;
  void take(const wire::FlowStarted& started) override;
  nanoseconds length() const override { return spec_.omit + spec_.duration; }
  Clock::duration summary_limit() const override { return std::chrono::seconds(10); }  // its patience, and some

  bool source() const { return spec_.direction == Direction::forward; }
  void configure(int socket) const;
  asio::awaitable<void> connect_others(const FoundPath& first);
  void adopt(std::size_t stream, const FoundPath& found);
  void on_finished(traffic::TcpTransferOutcome&& outcome);
  void add(const std::vector<TcpInterval>& rows);
  void watch_for_darkness(const TcpInterval& row);
  std::string ended_early() const;
  void warn_of_shortfall();

  TcpFlowSpec spec_;
  TcpFlowResult result_;
  std::vector<std::shared_ptr<ProbeConnection>> connections_;  // of the streams
  std::vector<std::uint32_t> attempts_;                        // that made them
  decoder::RowJoiner joiner_;
  std::uint64_t written_ = 0, received_ = 0;  // in whole rows, the warm-up's included
  nanoseconds silence_{0};                    // rows with nothing received though something was under way, at the end
  nanoseconds last_heard_{0};                 // end of the last row with something received
  bool over_ = false;
  std::unique_ptr<traffic::TcpTransfer> transfer_;
};

}  // namespace paceline::sender
