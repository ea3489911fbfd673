// SPDX-License-Identifier: MIT
#include "sender/connection_flow_run.h"

#include <asio/post.hpp>
#include <utility>

#include "decoder/histogram.h"
#include "decoder/totals.h"
#include "paceline/error.h"
#include "proto/convert.h"
#include "sender/workers.h"

namespace paceline::sender {

namespace {

constexpr std::uint32_t kExchanges = 3;  // the clocks only say when to start

/// What one worker's exchanges took.
class ExchangeStatistics : public traffic::ExchangeSink {
 public:
  explicit ExchangeStatistics(Transport transport) : tcp_(transport == Transport::tcp) {}

  void completed(std::int64_t connect, std::int64_t first_packet, std::int64_t whole) override {
    if (tcp_) connect_.record(connect);
    first_packet_.record(first_packet);
    whole_.record(whole);
  }
  void started(std::int64_t lateness) override {
    if (lateness >= 0) lateness_.record(lateness);
  }
  void take(Exchanges& into) override {
    into.connect.merge(connect_.take());
    into.first_packet.merge(first_packet_.take());
    into.whole.merge(whole_.take());
    into.lateness.merge(lateness_.take());
  }

 private:
  bool tcp_;
  decoder::Histogram connect_, first_packet_, whole_, lateness_;
};

}  // namespace

/// Carries the load's events to the run's thread.
class ConnectionFlowRun::LoadEvents : public traffic::ConnectionLoadListener {
 public:
  explicit LoadEvents(ConnectionFlowRun& flow) : flow_(flow) {}

  void interval(ConnectionInterval&& interval) override {
    asio::post(flow_.executor(), [&flow = flow_, row = std::move(interval)] { flow.on_interval(row); });
  }
  void finished(traffic::ConnectionLoadOutcome&& outcome) override {
    asio::post(flow_.executor(), [&flow = flow_, outcome = std::move(outcome)] { flow.on_finished(outcome); });
  }

 private:
  ConnectionFlowRun& flow_;
};

ConnectionFlowRun::ConnectionFlowRun(RunContext& run, std::size_t index, std::uint16_t source_port,
                                     const ConnectionFlowSpec& spec)
    : FlowRun(run, index, source_port), spec_(spec) {
  result_.spec = spec_;
}

asio::awaitable<void> ConnectionFlowRun::prepare() {
  wire::OpenFlow request;
  wire::to_wire(spec_, *request.mutable_connections());
  const wire::FlowOffer offer = co_await ask_for(std::move(request));
  result_.flow_id = key().flow_id;

  // Not by ?: around co_await, which g++ 12 gets wrong.
  FoundPath found;
  if (spec_.transport == Transport::udp) {
    found = co_await find_udp_path(offer);
  } else {
    found = co_await find_tcp_path(offer, [](int) {});
  }
  co_await confirm(found);
  judge_clocks(co_await found.end->exchange_clocks(key(), kExchanges, 1, std::chrono::milliseconds(20)));
  dialled_ = found.dialled;
  proof_ = found.end;
}

void ConnectionFlowRun::take(const wire::FlowStarted&) {
  result_.path = path();
  if (spec_.transport == Transport::tcp) proof_->close();
}

void ConnectionFlowRun::begin() {
  traffic::ConnectionLoadSpec load;
  load.flow = spec_;
  load.to = dialled_;
  const RunSpec& run = run_context().spec;
  if (const LocalEnd local = local_end(0); !local.address.empty())
    load.source = traffic::Address::parse(local.address, 0);
  load.flow_id = key().flow_id;
  load.secret = key().secret;
  load.nonce = key().nonce;
  load.flow_label = run.flow_label;
  load.start = start_time();
  load.workers = worker_options(run.workers);
  load_ = std::make_unique<traffic::ConnectionLoad>(
      load, std::make_unique<LoadEvents>(*this),
      [transport = spec_.transport] { return std::make_unique<ExchangeStatistics>(transport); });
}

asio::awaitable<void> ConnectionFlowRun::break_off() {
  load_.reset();
  co_await until_over();
}

void ConnectionFlowRun::on_interval(const ConnectionInterval& row) {
  decoder::accumulate(result_, row);
  observer().interval(index(), row);
}

void ConnectionFlowRun::on_finished(const traffic::ConnectionLoadOutcome& outcome) {
  result_.span = outcome.span;
  result_.concurrency = outcome.concurrency;
  result_.sender_cpu = outcome.cpu;
  error_ = outcome.error;
  for (const std::string& warning : outcome.warnings) run_context().warn(warning);
  over_ = true;
  now_over();
}

asio::awaitable<void> ConnectionFlowRun::report(wire::FlowDone& done) {
  wire::to_wire(result_.sender_cpu, *done.mutable_cpu());
  done.set_incomplete_reason(error_);
  co_return;
}

void ConnectionFlowRun::take(const wire::FlowSummary& summary) {
  if (!summary.has_connections()) throw SetupError("the receiver's summary is of another kind of flow");
  result_.answered = summary.connections().answered();
  result_.receiver_cpu = wire::from_wire(summary.connections().cpu());
  result_.incomplete_reason = wire::text(summary.connections().incomplete_reason());
}

void ConnectionFlowRun::conclude(const std::string& incomplete) {
  if (result_.incomplete_reason.empty()) result_.incomplete_reason = incomplete;
  result_.complete = result_.incomplete_reason.empty();
  proof_->close();
}

}  // namespace paceline::sender
