// SPDX-License-Identifier: MIT
#include "sender/udp_flow_run.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "traffic/clock_source.h"

namespace paceline::sender {

namespace {

constexpr std::chrono::seconds kMappingLife{10};  // slower flows keep NAT mappings alive with probes
constexpr std::uint32_t kLeastExchanges = 3;
constexpr std::chrono::milliseconds kExchangeTime{100};

}  // namespace

UdpFlowRun::UdpFlowRun(RunContext& run, std::size_t index, std::uint16_t source_port, const traffic::PacketPlan& plan,
                       UdpSending& sending, traffic::EchoReader* echoes)
    : PacketFlowRun(run, index, source_port, plan),
      sending_(sending),
      echoes_(echoes),
      keep_pause_(executor()),
      path_kept_(executor()) {}

asio::awaitable<void> UdpFlowRun::prepare() {
  const wire::FlowOffer offer = co_await ask();
  const FoundPath found = co_await find_udp_path(offer);
  socket_ = std::static_pointer_cast<ProbeSocket>(found.end);
  co_await confirm(found);
  clock_before_ = co_await socket_->exchange_clocks(key(), exchanges(), kLeastExchanges, kExchangeTime);
  judge_clocks(clock_before_);
}

void UdpFlowRun::fill(wire::StartFlow&) {
  if (spec().socket.fragments == Fragments::above_mtu && !socket_->forbid_fragments(spec().size))
    run_context().warn("packets of " + std::string(drawn() ? "up to " : "") + std::to_string(spec().size) +
                       " bytes exceed the path's MTU: they travel in fragments, which carry no TC stamp");
  traffic::UdpFlow flow;
  flow.socket = socket_->fd();
  flow.flow_id = key().flow_id;
  flow.spec = spec();
  flow.source = plan().source();
  flow.payload = plan().payload();
  flow.start = start_time();
  flow.sink = &lateness();
  number_ = sending_.add(
      flow, [this](traffic::UdpFlowOutcome&& outcome) { on_sent(std::move(outcome), sending_.warnings()); });
}

void UdpFlowRun::begin() {
  if (spec().meter == Meter::round_trip) measure_round_trips();
  keeping_path_ = true;
  asio::co_spawn(executor(), keep_path(), [this](const std::exception_ptr&) {
    keeping_path_ = false;
    path_kept_.cancel();
  });
}

/// While the flow runs: keeps a slow flow's mapping alive, and finds the way again when a NAT on it has forgotten us.
asio::awaitable<void> UdpFlowRun::keep_path() {
  // As long as several packets were due in; all the time flat out.
  const double gap = spec().rate_pps > 0 ? 1 / spec().rate_pps : 0;
  const nanoseconds silence_limit = std::max<nanoseconds>(
      std::chrono::seconds(1), std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(5 * gap)));
  const bool slow = gap > std::chrono::duration<double>(kMappingLife).count();
  if (slow)
    run_context().warn("the flow is slower than a packet in 10 s: probes in between keep address mappings alive");
  const Clock::time_point starts(start_time().time_since_epoch());
  const bool starts_late = starts > in(kMappingLife);
  const auto pause = std::chrono::milliseconds(run_context().spec.flows.size() > 16 ? 1000 : 250);
  std::uint32_t attempt = 1u << 24;  // apart from the search's and the exchanges'
  std::uint64_t unbound_seen = 0;
  auto next_keepalive = in(kMappingLife / 2);
  while (!over()) {
    keep_pause_.expires_after(pause);
    asio::error_code ignored;
    co_await keep_pause_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (over()) co_return;
    const bool lost_its_way = unbound_ > unbound_seen || silence_ >= silence_limit;
    const bool quiet = slow || (starts_late && Clock::now() < starts);
    if (!lost_its_way && !(quiet && Clock::now() >= next_keepalive)) continue;
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

void UdpFlowRun::measure_round_trips() {
  RoundTrips::Listener listener = echo_listener();
  listener.probe_reply = [this](const packet::ProbeReply& reply, SenderTime at) { socket_->hand_over(reply, at); };
  round_trips_ = std::make_unique<RoundTrips>(executor(), key().flow_id, spec(), start_time(), std::move(listener));
  socket_->let_others_read(true);
  echoes_->add({socket_->fd(), key().flow_id, least_size(), spec().size, round_trips_.get()});
}

/// Stragglers are waited for. Precondition: nothing is being sent, nobody waits for a probe's reply.
asio::awaitable<void> UdpFlowRun::await_echoes() {
  if (!round_trips_) co_return;
  echoes_->post([trips = round_trips_.get(), sent = sequences()] { trips->done(sent, traffic::now<SenderClock>()); });
  co_await echoes_end();
  round_trips_.reset();
  socket_->let_others_read(false);
}

asio::awaitable<void> UdpFlowRun::break_off() {
  if (!over()) halt();
  co_await until_over();
  co_await end_keep_path();
  co_await await_echoes();
}

asio::awaitable<void> UdpFlowRun::report(wire::FlowDone& done) {
  co_await end_keep_path();
  co_await await_echoes();
  const traffic::ClockExchange after =
      co_await socket_->exchange_clocks(key(), exchanges() / 2, 1, std::chrono::milliseconds(30));
  clock() = traffic::widen(clock(), clock_before_, after);
  tell_sent(done);
}

void UdpFlowRun::saw(const PacketInterval& interval) {
  unbound_ += interval.received.unbound;
  silence_ = interval.received.packets == 0 ? silence_ + (interval.end - interval.start) : nanoseconds{0};
}

}  // namespace paceline::sender
