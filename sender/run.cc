// SPDX-License-Identifier: MIT
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "decoder/objectives.h"
#include "paceline/error.h"
#include "paceline/sender.h"
#include "paceline/version.h"
#include "proto/convert.h"
#include "sender/connection_flow_run.h"
#include "sender/duration_text.h"
#include "sender/icmp_flow_run.h"
#include "sender/in_parallel.h"
#include "sender/record_flow_run.h"
#include "sender/record_traffic.h"
#include "sender/run_context.h"
#include "sender/run_part.h"
#include "sender/tcp_flow_run.h"
#include "sender/udp_flow_run.h"
#include "sender/udp_sending.h"
#include "sender/utc_now.h"
#include "sender/validate_run.h"
#include "sender/workers.h"
#include "traffic/clock_exchange.h"
#include "traffic/clock_source.h"
#include "traffic/echo_reader.h"
#include "traffic/host.h"
#include "traffic/packet_plan.h"
#include "traffic/sctp.h"
#include "traffic/wall_clock.h"

namespace paceline::sender {

namespace {

constexpr std::size_t kPreparedAtOnce = 32;            // flows: each makes a socket and a few round trips
constexpr std::chrono::milliseconds kMostSpread{100};  // of the starts of slow flows

/// Each packet flow's specification made ready; others have none.
using Plans = std::vector<std::optional<traffic::PacketPlan>>;

Plans plan_packets(const RunSpec& spec) {
  Plans plans;
  traffic::TraceCache traces;
  traffic::PayloadCache payloads;
  for (const FlowSpec& flow : spec.flows) {
    const auto* packets = std::get_if<PacketFlowSpec>(&flow);
    plans.push_back(packets ? std::optional(traffic::PacketPlan::of(*packets, &traces, &payloads)) : std::nullopt);
  }
  return plans;
}

/// Before anything is sent. Throws SetupError.
void require_sctp(const RunSpec& spec) {
  const bool wanted = std::ranges::any_of(spec.flows, [](const FlowSpec& flow) {
    const auto* packets = std::get_if<PacketFlowSpec>(&flow);
    return packets && packets->transport == Transport::sctp;
  });
  if (!wanted) return;
  if (const std::string refusal = traffic::sctp_refusal(); !refusal.empty()) throw SetupError(refusal);
}

nanoseconds delay_of(const FlowSpec& flow) {
  return std::visit([](const auto& spec) { return spec.delay; }, flow);
}

const SocketSpec& socket_of(const FlowSpec& flow) {
  return std::visit([](const auto& spec) -> const SocketSpec& { return spec.socket; }, flow);
}

class Run {
 public:
  Run(asio::io_context& io, const RunSpec& spec, Plans plans, RunObserver& observer)
      : context_(io, spec, observer),
        plans_(std::move(plans)),
        flows_ended_(io),
        records_(io.get_executor()),
        udp_(io.get_executor()) {}

  asio::awaitable<RunResult> measure() {
    const RunSpec& spec = context_.spec;
    Sessions& sessions = context_.sessions;
    RunResult result;
    result.version = std::string(kVersion);
    result.title = spec.title;
    result.started_at = utc_now();
    result.sender = traffic::this_host();

    co_await sessions.open(context_.observer);
    result.receiver = sessions.first_host();
    sessions.read();

    make_flows();
    co_await in_parallel(context_.io.get_executor(), flows_.size(), kPreparedAtOnce,
                         [this](std::size_t i) { return flows_[i]->prepare(); });
    const SenderTime start = traffic::now<SenderClock>() + time_to_start();
    const std::vector<nanoseconds> offsets = starts();
    for (std::size_t i = 0; i < flows_.size(); ++i) flows_[i]->request_start(start + offsets[i]);
    for (const auto& flow : flows_) co_await flow->await_start();
    warn_if_late(start);
    udp_.start(worker_options(spec.workers));
    records_.start(worker_options(spec.workers));
    traffic::WallClockSteps wall_clock(traffic::realtime_offset(), std::chrono::steady_clock::now());
    co_await run_all();
    if (const auto step = wall_clock.look(traffic::realtime_offset(), std::chrono::steady_clock::now()))
      context_.warn(traffic::step_text(*step));
    co_await bring_records();
    co_await sessions.flush_and_close();

    for (const auto& flow : flows_) result.flows.push_back(flow->result());
    result.slices = decoder::judge(spec.slices, result.flows);
    co_return result;
  }

  /// Ends the flows early. False when none has started: there is nothing to wait for then.
  bool stop() {
    stopped_ = "stopped on request";
    if (bringing_records_) context_.records_unwanted = true;
    bool any_started = false;
    for (const auto& flow : flows_) {
      any_started |= flow->started();
      flow->stop(stopped_);
    }
    return any_started;
  }

 private:
  void make_flows() {
    const bool any_back = std::ranges::any_of(plans_, [](const auto& plan) {
      return plan && plan->spec().meter == Meter::round_trip && plan->spec().transport == Transport::udp;
    });
    if (any_back) echoes_ = std::make_unique<traffic::EchoReader>(context_.spec.workers.fifo_priority);
    std::uint16_t port = context_.spec.source_port;
    for (std::size_t i = 0; i < context_.spec.flows.size(); ++i) {
      const std::uint16_t own_port = socket_of(context_.spec.flows[i]).source_port;
      flows_.push_back(make_flow(i, own_port != 0 ? own_port : port));
      if (port != 0) port = static_cast<std::uint16_t>(port + sockets_of(context_.spec.flows[i]));
    }
  }

  std::unique_ptr<RunPart> make_flow(std::size_t index, std::uint16_t port) {
    const FlowSpec& spec = context_.spec.flows[index];
    if (!needs_receiver(spec)) return std::make_unique<IcmpFlowRun>(context_, index, *plans_[index], udp_);
    if (plans_[index] && plans_[index]->spec().transport != Transport::udp)
      return std::make_unique<RecordFlowRun>(context_, index, port, *plans_[index], records_);
    if (plans_[index]) return std::make_unique<UdpFlowRun>(context_, index, port, *plans_[index], udp_, echoes_.get());
    if (const auto* tcp = std::get_if<TcpFlowSpec>(&spec))
      return std::make_unique<TcpFlowRun>(context_, index, port, *tcp);
    return std::make_unique<ConnectionFlowRun>(context_, index, port, std::get<ConnectionFlowSpec>(spec));
  }

  /// Far enough ahead that every flow has started at its receiver by then.
  nanoseconds time_to_start() const {
    return std::chrono::milliseconds(5) + 3 * context_.sessions.round_trip() +
           std::chrono::microseconds(200) * sockets_of(context_.spec);
  }

  void warn_if_late(SenderTime start) {
    const nanoseconds late = traffic::now<SenderClock>() - start;
    if (late < std::chrono::milliseconds(1)) return;
    context_.warn("starting the flows took " + duration_text(late) +
                  " longer than foreseen: packets that were due in that time go out late or count as missed");
  }

  /// Of each flow, after the run's. Packet flows of one rate would be due at the same instants and wait for each other,
  /// so they share out the gap between their packets.
  std::vector<nanoseconds> starts() const {
    std::vector<nanoseconds> starts;
    std::map<std::pair<double, nanoseconds>, std::vector<std::size_t>> alike;  // in rate and delay
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      const nanoseconds delay = delay_of(context_.spec.flows[i]);
      starts.push_back(delay);
      if (plans_[i] && plans_[i]->spec().rate_pps > 0) alike[{plans_[i]->spec().rate_pps, delay}].push_back(i);
    }
    for (const auto& [rate_and_delay, flows] : alike) {
      const std::chrono::duration<double> gap(std::min(1 / rate_and_delay.first, 1.0));
      const auto spread = std::min<nanoseconds>(kMostSpread, std::chrono::duration_cast<nanoseconds>(gap));
      const auto all = static_cast<std::int64_t>(flows.size());
      for (std::int64_t i = 0; i < all; ++i) starts[flows[static_cast<std::size_t>(i)]] += spread * i / all;
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

  /// One by one, when nothing is measured any more that they could disturb.
  asio::awaitable<void> bring_records() {
    bringing_records_ = true;
    for (const auto& flow : flows_) co_await flow->bring_record();
  }

  RunContext context_;
  Plans plans_;
  std::vector<std::unique_ptr<RunPart>> flows_;
  asio::steady_timer flows_ended_;
  RecordTraffic records_;                        // ends before the flows that it sends
  UdpSending udp_;                               // likewise
  std::unique_ptr<traffic::EchoReader> echoes_;  // likewise; null when nothing comes back over UDP
  std::exception_ptr failure_;
  std::string stopped_;
  bool bringing_records_ = false;
};

}  // namespace

RunResult run_until_done(const RunSpec& spec, RunObserver& observer, const std::stop_token& stop) {
  validate_run(spec);
  require_sctp(spec);
  Plans plans = plan_packets(spec);
  asio::io_context io(1);
  Run run(io, spec, std::move(plans), observer);
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
  try {
    if (failure) std::rethrow_exception(failure);
  } catch (const wire::WireError& error) {
    throw SetupError(std::string("the receiver sent what cannot be right: ") + error.what());
  }
  return result;
}

}  // namespace paceline::sender

namespace paceline {

RunResult run(const RunSpec& spec, RunObserver& observer, std::stop_token stop) {
  return sender::run_until_done(spec, observer, stop);
}

}  // namespace paceline
