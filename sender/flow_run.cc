// SPDX-License-Identifier: MIT
#include "sender/flow_run.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cstring>

#include "decoder/flow_decoder.h"
#include "paceline/error.h"
#include "proto/convert.h"
#include "traffic/clock_source.h"

namespace paceline::sender {

namespace {

constexpr std::chrono::seconds kAnswerLimit{5};   // for the receiver's answer to a request
constexpr std::chrono::seconds kSummaryLimit{6};  // it waits for stragglers for 2 s at most
constexpr std::chrono::seconds kMappingLife{10};  // slower flows keep NAT mappings alive with probes
constexpr std::uint32_t kExchanges = 24, kLeastExchanges = 3;
constexpr std::chrono::milliseconds kExchangeTime{100};

SenderTime sender_now() { return traffic::now<SenderClock>(); }

std::chrono::steady_clock::time_point in(std::chrono::steady_clock::duration time) {
  return std::chrono::steady_clock::now() + time;
}

/// A zone id ("%eth0") means something on its own host alone.
std::string without_zone(std::string address) {
  const auto zone = address.find('%');
  if (zone != std::string::npos) address.erase(zone, address.find(']') - zone);
  return address;
}

std::string network_error(int error) {
  switch (error) {
    case ECONNREFUSED: return "port unreachable (ICMP)";
    case EHOSTUNREACH: return "host unreachable (ICMP)";
    case ENETUNREACH: return "network unreachable";
    case EACCES:
    case EPERM: return "sending is forbidden here (a firewall)";
    default: return std::strerror(error);
  }
}

}  // namespace

/// Keeps the flow's lateness: written by the sending thread, read when it is over.
class FlowRun::LatenessSink : public traffic::SentSink {
 public:
  void sent(std::uint64_t, std::int64_t lateness_ns) override { histogram_.record(lateness_ns); }
  Distribution take() { return histogram_.take(); }

 private:
  decoder::Histogram histogram_;
};

FlowRun::FlowRun(asio::io_context& io, Session& session, const RunSpec& run, std::size_t index, RunObserver& observer)
    : io_(io),
      session_(session),
      run_(run),
      spec_(run.flows[index]),
      index_(index),
      observer_(observer),
      messages_(io.get_executor()),
      sending_over_(io),
      keep_pause_(io),
      path_kept_(io) {
  result_.spec = spec_;
}

FlowRun::~FlowRun() = default;

asio::awaitable<void> FlowRun::prepare() {
  const auto request = static_cast<std::uint32_t>(index_ + 1);
  session_.route_request(request, messages_);
  wire::Message message;
  message.mutable_open_flow()->set_request(request);
  wire::to_wire(spec_, *message.mutable_open_flow()->mutable_spec());
  session_.send(message);

  const wire::Message answer = co_await expect(wire::Message::kFlowOffer, kAnswerLimit, "an offer for the flow");
  const wire::FlowOffer& offer = answer.flow_offer();
  if (offer.secret().size() != key_.secret.size()) throw SetupError("the receiver's offer has no valid secret");
  key_.flow_id = offer.flow_id();
  std::copy(offer.secret().begin(), offer.secret().end(), key_.secret.begin());
  result_.flow_id = key_.flow_id;
  if (run_.clock == ClockPolicy::synchronized) {
    const nanoseconds theirs{offer.realtime_offset()};  // today some 1.8e18
    if (!traffic::plausible(theirs / 2)) throw SetupError("the receiver's clocks are absurdly far apart");
    synchronized_offset_ = traffic::realtime_offset() - theirs;
  }
  session_.route_flow(key_.flow_id, messages_);

  co_await find_path(candidates(offer));
  co_await measure_clocks();
}

asio::awaitable<wire::Message> FlowRun::expect(wire::Message::BodyCase wanted, Clock::duration limit,
                                               const char* what) {
  const auto end = in(limit);
  for (;;) {
    auto message = co_await messages_.next(end);
    if (!message) {
      if (!session_.failure().empty()) throw SetupError(session_.failure());
      throw SetupError(std::string("the receiver sent no ") + what + " in " +
                       std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) + " s");
    }
    if (message->has_refused())
      throw SetupError("the receiver refused the flow: " + wire::text(message->refused().reason()));
    if (message->body_case() == wanted) co_return std::move(*message);
  }
}

std::vector<Candidate> FlowRun::candidates(const wire::FlowOffer& offer) const {
  std::vector<Candidate> candidates;
  if (run_.data_port) {
    candidates.push_back({session_.receiver_address(*run_.data_port), "user"});
    return candidates;
  }
  constexpr int kMostCandidates = 8;
  for (const wire::Candidate& candidate : offer.candidates()) {
    const std::uint32_t port = candidate.udp_port();
    if (port == 0 || port > 65535 || candidates.size() >= kMostCandidates) continue;
    candidates.push_back({session_.receiver_address(static_cast<std::uint16_t>(port)),
                          candidate.advertised() ? "advertised" : "receiver's port"});
  }
  if (candidates.empty()) throw SetupError("the receiver named no data port");
  return candidates;
}

asio::awaitable<void> FlowRun::find_path(std::vector<Candidate> candidates) {
  // Shared with the attempts, the last of which may end after this.
  const auto shared_search = std::make_shared<PathSearch>(std::move(candidates), sender_now());
  PathSearch& search = *shared_search;
  const auto found = std::make_shared<Inbox<Found>>(io_.get_executor());
  std::vector<std::shared_ptr<ProbeSocket>> sockets;
  const auto close_all = [&] {
    for (const auto& socket : sockets) {
      if (socket != socket_) socket->close();
    }
  };

  std::optional<Found> winner;
  while (!winner && !search.exhausted(sender_now()) && session_.failure().empty() && stopped_why_.empty()) {
    while (const auto due = search.next(sender_now())) {
      try {
        sockets.push_back(std::make_shared<ProbeSocket>(io_.get_executor(), search.candidate(*due).address));
        asio::co_spawn(io_, attempt(*due, sockets.back(), shared_search, found), asio::detached);
      } catch (const SetupError& error) {
        search.unreachable(*due, error.what());
      }
    }
    const nanoseconds wait =
        std::clamp<nanoseconds>(search.next_due() - sender_now(), nanoseconds{0}, std::chrono::seconds(1));
    winner = co_await found->next(in(wait));
  }
  if (winner) {
    search.replied(winner->attempt);
    socket_ = winner->socket;
  }
  close_all();

  if (!stopped_why_.empty()) throw SetupError("stopped before anything was measured");
  if (!session_.failure().empty()) throw SetupError(session_.failure());
  if (!winner) {
    std::string tried;
    for (const CandidateOutcome& outcome : search.outcomes())
      tried += "\n  " + outcome.address + " (" + outcome.source + "): " + outcome.outcome + " (" +
               std::to_string(outcome.attempts) + " probes)";
    throw SetupError(
        "no way to the receiver's data port, though signalling works:" + tried +
        "\nBehind a NodePort, tell the number that maps to the data port (8999/udp): here with --data-port, or at the "
        "receiver with --advertise udp=PORT. Else check that no firewall drops UDP on the way.");
  }

  key_.nonce = winner->answer.reply.nonce;
  wire::Message confirmed;
  do {
    confirmed = co_await expect(wire::Message::kPathConfirmed, kAnswerLimit, "confirmation of the path");
  } while (confirmed.path_confirmed().attempt() != winner->attempt.number);
  describe_path(*winner, confirmed.path_confirmed(), search);
}

asio::awaitable<void> FlowRun::attempt(Attempt attempt, std::shared_ptr<ProbeSocket> socket,
                                       std::shared_ptr<PathSearch> search, std::shared_ptr<Inbox<Found>> found) {
  int error = socket->send(key_, attempt.number);
  while (error == 0) {
    const auto answer = co_await socket->receive(key_.flow_id, Clock::time_point::max(), error);
    if (answer && answer->reply.attempt == attempt.number) {
      found->put({attempt, *answer, socket});
      co_return;
    }
    if (!answer && error == 0) co_return;  // closed: the search is over
  }
  if (error == EBADF) co_return;
  search->unreachable(attempt, network_error(error));
}

void FlowRun::describe_path(const Found& found, const wire::PathConfirmed& confirmed, const PathSearch& search) {
  PathResult& path = result_.path;
  path.dialled = search.candidate(found.attempt).address.to_string();
  path.arrived_at = wire::text(confirmed.arrived_at());
  path.seen_from = wire::text(confirmed.seen_from());
  path.sent_from = socket_->local().to_string();
  path.source_translated = without_zone(path.seen_from) != without_zone(path.sent_from);
  path.destination_translated = without_zone(path.arrived_at) != without_zone(path.dialled);
  path.attempts = search.attempts();
  path.first_packet = found.answer.sample().round_trip();
  path.candidates = search.outcomes();
  result_.stamping = wire::from_wire(confirmed.stamping());
}

asio::awaitable<void> FlowRun::measure_clocks() {
  clock_before_ = co_await socket_->exchange_clocks(key_, kExchanges, kLeastExchanges, kExchangeTime);
  if (clock_before_.count() == 0)
    throw SetupError("the path answered one probe and then fell silent: no clock exchange succeeded");
  result_.clock = traffic::judge(clock_before_, session_.same_clock(), synchronized_offset_);
}

void FlowRun::request_start(SenderTime start) {
  if (!socket_->forbid_fragments(spec_.size))
    observer_.warning("packets of " + std::to_string(spec_.size) +
                      " bytes exceed the path's MTU: they travel in fragments, which carry no TC stamp");
  start_ = start;
  wire::Message message;
  wire::StartFlow& request = *message.mutable_start_flow();
  request.set_flow_id(key_.flow_id);
  request.set_nonce(std::string(key_.nonce.begin(), key_.nonce.end()));
  request.set_start(start.time_since_epoch().count());
  wire::to_wire(result_.path, *request.mutable_path());
  wire::to_wire(result_.clock, *request.mutable_clock());
  session_.send(message);
}

asio::awaitable<void> FlowRun::await_start() {
  const wire::Message answer = co_await expect(wire::Message::kFlowStarted, kAnswerLimit, "start of the flow");
  result_.stamping = wire::from_wire(answer.flow_started().stamping());
  result_.duplicate_window = answer.flow_started().duplicate_window();
  if (!answer.flow_started().warning().empty()) observer_.warning(wire::text(answer.flow_started().warning()));
  started_ = true;
  observer_.path_confirmed(index_, result_.path, result_.stamping);
}

asio::awaitable<void> FlowRun::run() {
  std::string failure;
  try {
    start_sending();
    keeping_path_ = true;
    asio::co_spawn(io_, keep_path(), [this](const std::exception_ptr&) {
      keeping_path_ = false;
      path_kept_.cancel();
    });
    co_await watch();
    co_await end_keep_path();
    if (!summary_came_) co_await report();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  if (sending_) {  // the receiver is gone: what it cannot count is not sent
    thread_.request_stop();
    while (sending_) {
      sending_over_.expires_after(std::chrono::seconds(1));
      asio::error_code cancelled;
      co_await sending_over_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
  }
  co_await end_keep_path();
  if (!failure.empty() || !summary_came_) close_partial(failure);
  socket_->close();
  observer_.finished(index_, result_);
}

void FlowRun::start_sending() {
  lateness_ = std::make_unique<LatenessSink>();
  traffic::UdpFlow flow;
  flow.socket = socket_->fd();
  flow.flow_id = key_.flow_id;
  flow.spec = spec_;
  flow.start = start_;
  flow.flows = run_.flows.size();
  sending_ = true;
  thread_ = std::jthread([this, flow](const std::stop_token& stop) {
    traffic::UdpFlowOutcome outcome = traffic::send_udp_flow(flow, *lateness_, stop);
    outcome.sent.lateness = lateness_->take();
    asio::post(io_, [this, outcome = std::move(outcome)] {
      outcome_ = outcome;
      sending_ = false;
      sending_over_.cancel();
      messages_.wake();
    });
  });
  if (!stopped_why_.empty()) thread_.request_stop();
}

/// Intervals come in until all is sent, or the receiver ends the flow by itself.
asio::awaitable<void> FlowRun::watch() {
  while (sending_) {
    const auto message = co_await messages_.next(in(std::chrono::seconds(1)));
    if (!message && !session_.failure().empty()) throw SetupError(session_.failure());
    if (!message) continue;
    if (message->has_interval()) take(wire::from_wire(message->interval().interval()));
    if (message->has_refused())
      throw SetupError("the receiver ended the flow: " + wire::text(message->refused().reason()));
    if (message->has_flow_summary()) {
      // It was stopped: nobody counts what would still be sent.
      result_.incomplete_reason = wire::text(message->flow_summary().result().incomplete_reason());
      throw SetupError("the receiver ended the flow: " + result_.incomplete_reason);
    }
  }
}

/// While the flow runs: keeps a slow flow's mapping alive, and finds the way again when a NAT on it has forgotten us.
asio::awaitable<void> FlowRun::keep_path() {
  // As long as several packets were due in.
  const auto several = std::chrono::duration<double>(5 / spec_.rate_pps);
  const nanoseconds silence_limit =
      std::max<nanoseconds>(std::chrono::seconds(1), std::chrono::duration_cast<nanoseconds>(several));
  const bool slow = spec_.rate_pps * std::chrono::duration<double>(kMappingLife).count() < 1;
  if (slow)
    observer_.warning("the flow is slower than a packet in 10 s: probes in between keep address mappings alive");
  std::uint32_t attempt = 1u << 24;  // apart from the search's and the exchanges'
  std::uint64_t unbound_seen = 0;
  auto next_keepalive = in(kMappingLife / 2);
  while (sending_) {
    keep_pause_.expires_after(std::chrono::milliseconds(250));
    asio::error_code ignored;
    co_await keep_pause_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (!sending_) co_return;
    const bool lost_its_way = unbound_ > unbound_seen || silence_ >= silence_limit;
    if (!lost_its_way && !(slow && Clock::now() >= next_keepalive)) continue;
    next_keepalive = in(kMappingLife / 2);
    unbound_seen = unbound_;
    silence_ = nanoseconds{0};
    const auto answer = co_await socket_->round_trip(key_, ++attempt, std::chrono::milliseconds(500));
    if (!answer || answer->reply.nonce == key_.nonce) continue;
    // Seen from a new address: returning its nonce proves that we are there, and the flow follows.
    key_.nonce = answer->reply.nonce;
    const auto proof = co_await socket_->round_trip(key_, ++attempt, std::chrono::milliseconds(500));
    if (proof) observer_.warning("an address translation on the path changed during the flow; it was proven anew");
  }
}

/// What follows the flow needs the socket for itself. Precondition: nothing is being sent.
asio::awaitable<void> FlowRun::end_keep_path() {
  keep_pause_.cancel();
  while (keeping_path_) {
    socket_->cancel();
    path_kept_.expires_after(std::chrono::milliseconds(10));
    asio::error_code ignored;
    co_await path_kept_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<void> FlowRun::report() {
  result_.sent = outcome_.sent;
  const traffic::ClockExchange after =
      co_await socket_->exchange_clocks(key_, kExchanges / 2, 1, std::chrono::milliseconds(30));
  result_.clock = traffic::widen(result_.clock, clock_before_, after);

  wire::Message message;
  wire::FlowDone& done = *message.mutable_flow_done();
  done.set_flow_id(key_.flow_id);
  wire::to_wire(result_.sent, *done.mutable_sent());
  wire::to_wire(result_.clock, *done.mutable_clock());
  done.set_incomplete_reason(!outcome_.error.empty() ? outcome_.error : stopped_why_);
  session_.send(message);

  const auto end = in(kSummaryLimit);
  for (;;) {
    const auto answer = co_await messages_.next(end);
    if (!answer)
      throw SetupError(session_.failure().empty() ? "the receiver sent no summary in 6 s" : session_.failure());
    if (answer->has_interval()) take(wire::from_wire(answer->interval().interval()));
    if (answer->has_refused())
      throw SetupError("the receiver gave up the flow: " + wire::text(answer->refused().reason()));
    if (!answer->has_flow_summary()) continue;
    result_ = wire::from_wire(answer->flow_summary().result());
    summary_came_ = true;
    co_return;
  }
}

void FlowRun::take(const Interval& interval) {
  decoder::accumulate(result_, interval);
  unbound_ += interval.received.unbound;
  silence_ = interval.received.packets == 0 ? silence_ + (interval.end - interval.start) : nanoseconds{0};
  observer_.interval(index_, interval);
}

void FlowRun::close_partial(const std::string& why) {
  result_.sent = outcome_.sent;
  result_.complete = false;
  if (result_.incomplete_reason.empty()) result_.incomplete_reason = why;
}

void FlowRun::stop(const std::string& why) {
  if (stopped_why_.empty()) stopped_why_ = why;
  thread_.request_stop();
}

}  // namespace paceline::sender
