// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "sender/flow_run.h"
#include "traffic/connection_load.h"

namespace paceline::sender {

/// Short exchanges, each on a connection of its own.
class ConnectionFlowRun : public FlowRun {
 public:
  ConnectionFlowRun(RunContext& run, std::size_t index, std::uint16_t source_port, const ConnectionFlowSpec& spec);

  asio::awaitable<void> prepare() override;
  FlowResult result() const override { return result_; }

 private:
  class LoadEvents;

  void begin() override;
  bool over() const override { return over_; }
  void halt() override { load_->stop(); }
  asio::awaitable<void> break_off() override;
  void take(const wire::IntervalReport&) override {}  // the receiver has nothing to tell while it goes on
  asio::awaitable<void> report(wire::FlowDone& done) override;
  void take(const wire::FlowSummary& summary) override;
  void conclude(const std::string& incomplete) override;
  void take(const wire::FlowStarted& started) override;
  nanoseconds length() const override { return spec_.omit + spec_.duration + spec_.timeout; }
  Clock::duration summary_limit() const override { return std::chrono::seconds(6); }

  void on_interval(const ConnectionInterval& row);
  void on_finished(const traffic::ConnectionLoadOutcome& outcome);

  ConnectionFlowSpec spec_;
  ConnectionFlowResult result_;
  traffic::Address dialled_;
  std::shared_ptr<PathEnd> proof_;  // holds the address that UDP exchanges are proven by
  std::string error_;               // why the load ended early
  bool over_ = false;
  std::unique_ptr<traffic::ConnectionLoad> load_;
};

}  // namespace paceline::sender
