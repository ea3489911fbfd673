// SPDX-License-Identifier: MIT
#include "sender/udp_flow_run.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "decoder/flow_decoder.h"
#include "paceline/error.h"
#include "proto/convert.h"

namespace paceline::sender {

namespace {

constexpr std::chrono::seconds kMappingLife{10};  // slower flows keep NAT mappings alive with probes
constexpr std::uint32_t kLeastExchanges = 3;
constexpr std::chrono::milliseconds kExchangeTime{100};

}  // namespace

UdpFlowRun::UdpFlowRun(RunContext& run, std::size_t index, std::uint16_t source_port, const UdpFlowSpec& spec,
                       UdpSending& sending)
    : FlowRun(run, index, source_port),
      spec_(spec),
      sending_(sending),
      cpu_(executor()),
      keep_pause_(executor()),
      path_kept_(executor()) {
  result_.spec = spec_;
}

asio::awaitable<void> UdpFlowRun::prepare() {
  wire::OpenFlow request;
  wire::to_wire(spec_, *request.mutable_udp());
  const wire::FlowOffer offer = co_await ask_for(std::move(request));
  result_.flow_id = key().flow_id;

  const FoundPath found = co_await find_udp_path(offer);
  socket_ = std::static_pointer_cast<ProbeSocket>(found.end);
  co_await confirm(found);
  clock_before_ = co_await socket_->exchange_clocks(key(), exchanges(), kLeastExchanges, kExchangeTime);
  judge_clocks(clock_before_);
}

void UdpFlowRun::fill(wire::StartFlow&) {
  if (!socket_->forbid_fragments(spec_.size))
    run_context().warn("packets of " + std::to_string(spec_.size) +
                       " bytes exceed the path's MTU: they travel in fragments, which carry no TC stamp");
  traffic::UdpFlow flow;
  flow.socket = socket_->fd();
  flow.flow_id = key().flow_id;
  flow.spec = spec_;
  flow.start = start_time();
  flow.sink = &lateness_;
  number_ = sending_.add(flow, [this](traffic::UdpFlowOutcome&& outcome) { on_sent(std::move(outcome)); });
}

void UdpFlowRun::take(const wire::FlowStarted& started) {
  result_.path = path();
  result_.stamping = stamping();
  result_.clock = clock();
  result_.duplicate_window = started.duplicate_window();
  cpu_.begin_at(start_time() + spec_.omit);
}

void UdpFlowRun::begin() {
  keeping_path_ = true;
  asio::co_spawn(executor(), keep_path(), [this](const std::exception_ptr&) {
    keeping_path_ = false;
    path_kept_.cancel();
  });
}

void UdpFlowRun::on_sent(traffic::UdpFlowOutcome&& outcome) {
  result_.sender_cpu = cpu_.end();
  sent_ = outcome.sent;
  sent_.lateness = lateness_.take();
  error_ = outcome.error;
  for (const std::string& warning : sending_.warnings()) run_context().warn(warning);
  over_ = true;
  now_over();
}

/// While the flow runs: keeps a slow flow's mapping alive, and finds the way again when a NAT on it has forgotten us.
asio::awaitable<void> UdpFlowRun::keep_path() {
  // As long as several packets were due in; all the time flat out.
  const double gap = spec_.rate_pps > 0 ? 1 / spec_.rate_pps : 0;
  const nanoseconds silence_limit = std::max<nanoseconds>(
      std::chrono::seconds(1), std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(5 * gap)));
  const bool slow = gap > std::chrono::duration<double>(kMappingLife).count();
  if (slow)
    run_context().warn("the flow is slower than a packet in 10 s: probes in between keep address mappings alive");
  const auto pause = std::chrono::milliseconds(run_context().spec.flows.size() > 16 ? 1000 : 250);
  std::uint32_t attempt = 1u << 24;  // apart from the search's and the exchanges'
  std::uint64_t unbound_seen = 0;
  auto next_keepalive = in(kMappingLife / 2);
  while (!over_) {
    keep_pause_.expires_after(pause);
    asio::error_code ignored;
    co_await keep_pause_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (over_) co_return;
    const bool lost_its_way = unbound_ > unbound_seen || silence_ >= silence_limit;
    if (!lost_its_way && !(slow && Clock::now() >= next_keepalive)) continue;
    next_keepalive = in(kMappingLife / 2);
    unbound_seen = unbound_;
    silence_ = nanoseconds{0};
    const auto answer = co_await socket_->round_trip(key(), ++attempt, std::chrono::milliseconds(500));
    if (!answer || answer->reply.nonce == key().nonce) continue;
    // Seen from a new address: returning its nonce proves that we are there, and the flow follows.
    key().nonce = answer->reply.nonce;
    const auto proof = co_await socket_->round_trip(key(), ++attempt, std::chrono::milliseconds(500));
    if (proof) run_context().warn("an address translation on the path changed during the flow; it was proven anew");
  }
}

/// What follows the flow needs the socket for itself. Precondition: nothing is being sent.
asio::awaitable<void> UdpFlowRun::end_keep_path() {
  keep_pause_.cancel();
  while (keeping_path_) {
    socket_->cancel();
    path_kept_.expires_after(std::chrono::milliseconds(10));
    asio::error_code ignored;
    co_await path_kept_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<void> UdpFlowRun::break_off() {
  if (!over_) halt();
  co_await until_over();
  co_await end_keep_path();
}

asio::awaitable<void> UdpFlowRun::report(wire::FlowDone& done) {
  co_await end_keep_path();
  const traffic::ClockExchange after =
      co_await socket_->exchange_clocks(key(), exchanges() / 2, 1, std::chrono::milliseconds(30));
  clock() = traffic::widen(clock(), clock_before_, after);
  wire::to_wire(sent_, *done.mutable_sent());
  wire::to_wire(result_.sender_cpu, *done.mutable_cpu());
  done.set_incomplete_reason(error_);
}

void UdpFlowRun::take(const wire::IntervalReport& report) {
  if (!report.has_interval()) return;
  const UdpInterval interval = wire::from_wire(report.interval());
  decoder::accumulate(result_, interval);
  unbound_ += interval.received.unbound;
  silence_ = interval.received.packets == 0 ? silence_ + (interval.end - interval.start) : nanoseconds{0};
  observer().interval(index(), interval);
}

void UdpFlowRun::take(const wire::FlowSummary& summary) {
  if (!summary.has_result()) throw SetupError("the receiver's summary is of another kind of flow");
  const CpuTime cpu = result_.sender_cpu;
  result_ = wire::from_wire(summary.result());
  result_.sender_cpu = cpu;
}

void UdpFlowRun::conclude(const std::string& incomplete) {
  socket_->close();
  result_.sent = sent_;
  if (incomplete.empty()) return;
  result_.complete = false;
  if (result_.incomplete_reason.empty()) result_.incomplete_reason = incomplete;
}

}  // namespace paceline::sender
