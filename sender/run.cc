// SPDX-License-Identifier: MIT
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <ctime>
#include <exception>
#include <map>
#include <memory>
#include <variant>
#include <vector>

#include "paceline/error.h"
#include "paceline/sender.h"
#include "paceline/validate.h"
#include "paceline/version.h"
#include "sender/connection_flow_run.h"
#include "sender/in_parallel.h"
#include "sender/run_context.h"
#include "sender/tcp_flow_run.h"
#include "sender/udp_flow_run.h"
#include "sender/udp_sending.h"
#include "sender/workers.h"
#include "traffic/address.h"
#include "traffic/clock_source.h"
#include "traffic/host.h"

namespace paceline::sender {

namespace {

constexpr std::size_t kPreparedAtOnce = 32;            // flows: each makes a socket and a few round trips
constexpr std::chrono::milliseconds kMostSpread{100};  // of the starts of slow flows

std::uint32_t sockets_of(const FlowSpec& flow) {
  const auto* tcp = std::get_if<TcpFlowSpec>(&flow);
  return tcp ? tcp->streams : 1;
}

std::uint32_t sockets_of(const RunSpec& spec) {
  std::uint32_t sum = 0;
  for (const FlowSpec& flow : spec.flows) sum += sockets_of(flow);
  return sum;
}

void validate_run(const RunSpec& spec) {
  if (spec.receiver.host.empty()) throw UsageError("no receiver: give its HOST[:PORT]");
  if (spec.receiver.port == 0) throw UsageError("the receiver's port is 0: it must be 1 to 65535");
  if (spec.data_port && *spec.data_port == 0) throw UsageError("the data port is 0: it must be 1 to 65535");
  if (spec.flows.empty() || spec.flows.size() > RunSpec::kMaxFlows)
    throw UsageError("a run has 1 to " + std::to_string(RunSpec::kMaxFlows) + " flows, not " +
                     std::to_string(spec.flows.size()));
  for (const FlowSpec& flow : spec.flows) validate(flow);
  if (spec.title.size() > RunSpec::kMaxTitle)
    throw UsageError("the title has " + std::to_string(spec.title.size()) + " bytes: at most " +
                     std::to_string(RunSpec::kMaxTitle) + " are carried");
  if (!spec.source.empty()) {
    const bool ipv4 = traffic::Address::parse(spec.source, 0).is_v4();
    if (spec.family == (ipv4 ? Family::ipv6 : Family::ipv4))
      throw UsageError("the source address " + spec.source + " is not of the family asked for");
  }
  if (spec.source_port != 0 && spec.source_port + sockets_of(spec) - 1 > 65535)
    throw UsageError("source ports from " + std::to_string(spec.source_port) + " on are too few for the run's " +
                     std::to_string(sockets_of(spec)) + " sockets");
  if (spec.flow_label && (*spec.flow_label == 0 || *spec.flow_label > 0xFFFFF))
    throw UsageError("the flow label is " + std::to_string(*spec.flow_label) + ": it must be 1 to 1048575 (20 bits)");
  if (spec.workers.fifo_priority < 0 || spec.workers.fifo_priority > 99)
    throw UsageError("the SCHED_FIFO priority is " + std::to_string(spec.workers.fifo_priority) +
                     ": it must be 1 to 99, or 0 for none");
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

class Run {
 public:
  Run(asio::io_context& io, const RunSpec& spec, RunObserver& observer)
      : context_(io, spec, observer), flows_ended_(io), udp_(io.get_executor()) {}

  asio::awaitable<RunResult> measure() {
    const RunSpec& spec = context_.spec;
    Session& session = context_.session;
    RunResult result;
    result.version = std::string(kVersion);
    result.title = spec.title;
    result.started_at = utc_now();
    result.sender = traffic::this_host();

    co_await session.open(spec.receiver, spec.family, spec.source);
    result.receiver = session.receiver_host();
    context_.observer.connected(session.address());
    asio::co_spawn(context_.io, session.read(), asio::detached);

    make_flows();
    co_await in_parallel(context_.io.get_executor(), flows_.size(), kPreparedAtOnce,
                         [this](std::size_t i) { return flows_[i]->prepare(); });
    const SenderTime start = traffic::now<SenderClock>() + time_to_start();
    const std::vector<nanoseconds> offsets = starts();
    for (std::size_t i = 0; i < flows_.size(); ++i) flows_[i]->request_start(start + offsets[i]);
    for (const auto& flow : flows_) co_await flow->await_start();
    udp_.start(worker_options(spec.workers));
    co_await run_all();
    co_await session.flush_and_close();

    for (const auto& flow : flows_) result.flows.push_back(flow->result());
    co_return result;
  }

  /// Ends the flows early. False when none has started: there is nothing to wait for then.
  bool stop() {
    stopped_ = "stopped on request";
    bool any_started = false;
    for (const auto& flow : flows_) {
      any_started |= flow->started();
      flow->stop(stopped_);
    }
    return any_started;
  }

 private:
  void make_flows() {
    std::uint16_t port = context_.spec.source_port;
    for (std::size_t i = 0; i < context_.spec.flows.size(); ++i) {
      const FlowSpec& spec = context_.spec.flows[i];
      flows_.push_back(make_flow(i, port, spec));
      if (port != 0) port = static_cast<std::uint16_t>(port + sockets_of(spec));
    }
  }

  std::unique_ptr<FlowRun> make_flow(std::size_t index, std::uint16_t port, const FlowSpec& spec) {
    if (const auto* udp = std::get_if<UdpFlowSpec>(&spec))
      return std::make_unique<UdpFlowRun>(context_, index, port, *udp, udp_);
    if (const auto* tcp = std::get_if<TcpFlowSpec>(&spec))
      return std::make_unique<TcpFlowRun>(context_, index, port, *tcp);
    return std::make_unique<ConnectionFlowRun>(context_, index, port, std::get<ConnectionFlowSpec>(spec));
  }

  /// Far enough ahead that every flow has started at the receiver by then.
  nanoseconds time_to_start() const {
    return std::chrono::milliseconds(5) + 3 * context_.session.round_trip() +
           std::chrono::microseconds(200) * sockets_of(context_.spec);
  }

  /// Of each flow, after the run's: UDP flows of one rate would be due at the same instants and wait for each other, so
  /// they share out the gap between their packets instead.
  std::vector<nanoseconds> starts() const {
    std::vector<nanoseconds> starts(context_.spec.flows.size());
    std::map<double, std::vector<std::size_t>> of_rate;
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const auto* udp = std::get_if<UdpFlowSpec>(&context_.spec.flows[i]);
      if (udp && udp->rate_pps > 0) of_rate[udp->rate_pps].push_back(i);
    }
    for (const auto& [rate, flows] : of_rate) {
      const auto spread = std::min<nanoseconds>(
          kMostSpread, std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(std::min(1 / rate, 1.0))));
      const auto all = static_cast<std::int64_t>(flows.size());
      for (std::int64_t i = 0; i < all; ++i) starts[flows[static_cast<std::size_t>(i)]] = spread * i / all;
    }
    return starts;
  }

  asio::awaitable<void> run_all() {
    std::size_t left = flows_.size();
    for (const auto& flow : flows_) {
      if (!stopped_.empty()) flow->stop(stopped_);
      asio::co_spawn(context_.io, flow->run(), [this, &left](const std::exception_ptr& error) {
        if (error) failure_ = error;
        if (--left == 0) flows_ended_.cancel();
      });
    }
    while (left > 0) {
      flows_ended_.expires_after(std::chrono::hours(1));
      asio::error_code cancelled;
      co_await flows_ended_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    if (failure_) std::rethrow_exception(failure_);
  }

  RunContext context_;
  std::vector<std::unique_ptr<FlowRun>> flows_;
  asio::steady_timer flows_ended_;
  UdpSending udp_;  // ends before the flows that it sends
  std::exception_ptr failure_;
  std::string stopped_;
};

}  // namespace

RunResult run_until_done(const RunSpec& spec, RunObserver& observer, const std::stop_token& stop) {
  validate_run(spec);
  asio::io_context io(1);
  Run run(io, spec, observer);
  RunResult result;
  std::exception_ptr failure;
  bool over = false;
  asio::co_spawn(io, run.measure(), [&](const std::exception_ptr& error, RunResult measured) {
    failure = error;
    result = std::move(measured);
    over = true;
    io.stop();
  });
  const std::stop_callback on_stop(stop, [&] {
    asio::post(io, [&] {
      if (!over && !run.stop()) io.stop();
    });
  });
  io.run();
  if (!over) throw SetupError("stopped before anything was measured");
  if (failure) std::rethrow_exception(failure);
  return result;
}

}  // namespace paceline::sender

namespace paceline {

RunResult run(const RunSpec& spec, RunObserver& observer, std::stop_token stop) {
  return sender::run_until_done(spec, observer, stop);
}

}  // namespace paceline
