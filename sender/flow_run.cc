// SPDX-License-Identifier: MIT
#include "sender/flow_run.h"

#include <netinet/in.h>

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <string_view>

#include "paceline/error.h"
#include "proto/convert.h"
#include "sender/probe_connection.h"
#include "sender/probe_socket.h"
#include "traffic/clock_source.h"
#include "traffic/socket_options.h"

namespace paceline::sender {

namespace {

constexpr std::chrono::seconds kAnswerLimit{5};  // for the receiver's answer to a request
constexpr std::chrono::seconds kOvertime{60};    // traffic that goes on so long after its end hangs
constexpr std::chrono::seconds kKnockLimit{10};  // passive: for the receiver's knocks to get here
constexpr std::uint32_t kExchanges = 24, kLeastExchanges = 3;

/// A zone id ("%eth0") means something on its own host alone.
std::string without_zone(std::string address) {
  const auto zone = address.find('%');
  if (zone != std::string::npos) address.erase(zone, address.find(']') - zone);
  return address;
}

}  // namespace

FlowRun::FlowRun(RunContext& run, std::size_t index, std::uint16_t source_port)
    : run_(run),
      index_(index),
      source_port_(socket_spec().source_port != 0 ? socket_spec().source_port : source_port),
      messages_(run.io.get_executor()),
      over_(run.io) {}

asio::awaitable<wire::FlowOffer> FlowRun::ask_for(wire::OpenFlow request) {
  const auto number = static_cast<std::uint32_t>(index_ + 1);
  session().route_request(number, messages_);
  request.set_request(number);
  if (run_.sessions.dial_in()) request.set_knock_port(await_knocks());
  wire::Message message;
  *message.mutable_open_flow() = std::move(request);
  session().send(message);

  wire::Message answer = co_await expect(wire::Message::kFlowOffer, kAnswerLimit, "offer for the flow");
  wire::FlowOffer& offer = *answer.mutable_flow_offer();
  if (offer.secret().size() != key_.secret.size()) throw SetupError("the receiver's offer has no valid secret");
  key_.flow_id = offer.flow_id();
  std::copy(offer.secret().begin(), offer.secret().end(), key_.secret.begin());
  if (run_.spec.clock == ClockPolicy::synchronized) {
    const nanoseconds theirs{offer.realtime_offset()};  // today some 1.8e18
    if (!traffic::plausible(theirs / 2)) throw SetupError("the receiver's clocks are absurdly far apart");
    synchronized_offset_ = traffic::realtime_offset() - theirs;
  }
  session().route_flow(key_.flow_id, messages_);
  if (knocked_connections_) run_.sessions.dial_in()->expect(key_.flow_id, key_.secret, knocked_connections_);
  co_return std::move(offer);
}

asio::awaitable<wire::Message> FlowRun::expect(wire::Message::BodyCase wanted, Clock::duration limit, const char* what,
                                               std::function<bool(const wire::Message&)> is_it) {
  const auto end = in(limit);
  for (;;) {
    auto message = co_await messages_.next(end);
    if (!message) {
      if (const std::string why = given_up(); !why.empty()) throw SetupError(why);
      if (Clock::now() < end) continue;
      throw SetupError(std::string("the receiver sent no ") + what + " in " +
                       std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) + " s");
    }
    if (message->has_refused())
      throw SetupError("the receiver refused the flow: " + wire::text(message->refused().reason()));
    if (message->body_case() == wanted && (!is_it || is_it(*message))) co_return std::move(*message);
  }
}

std::string FlowRun::given_up() const {
  if (!stopped_why_.empty() && !started_) return "stopped before anything was measured";
  return session().failure();
}

std::vector<Candidate> FlowRun::candidates(const wire::FlowOffer& offer, Transport transport) const {
  const Session& session = this->session();
  if (const auto chosen = run_.sessions.target(index_).data_port) return {{session.receiver_address(*chosen), "user"}};
  std::vector<Candidate> candidates;
  constexpr std::size_t kMost = 8;
  for (const wire::Candidate& candidate : offer.candidates()) {
    std::uint32_t port = transport == Transport::udp ? candidate.udp_port() : candidate.tcp_port();
    if (transport == Transport::sctp && port == 0) port = candidate.udp_port();  // the data port has one number
    if (port == 0 || port > 65535 || candidates.size() >= kMost) continue;
    candidates.push_back({session.receiver_address(static_cast<std::uint16_t>(port)),
                          candidate.advertised() ? "advertised" : "receiver's port"});
  }
  if (transport == Transport::tcp) candidates.push_back({session.receiver_address(), "signalling port"});
  if (candidates.empty()) throw SetupError("the receiver named no data port");
  return candidates;
}

LocalEnd FlowRun::local_end(std::uint32_t number) const {
  const auto port = static_cast<std::uint16_t>(source_port_ == 0 ? 0 : source_port_ + number);
  const SocketSpec& asked = socket_spec();
  return {asked.source.empty() ? run_.spec.source : asked.source, port, run_.spec.flow_label, asked};
}

const SocketSpec& FlowRun::socket_spec() const {
  return std::visit([](const auto& flow) -> const SocketSpec& { return flow.socket; }, run_.spec.flows[index_]);
}

/// Passive: where the receiver is to knock, and from when on it may.
std::uint16_t FlowRun::await_knocks() {
  const auto* packets = std::get_if<PacketFlowSpec>(&run_.spec.flows[index_]);
  if (packets && packets->transport == Transport::udp) {
    LocalEnd local = local_end(0);
    local.address = session().local_address().ip_string();
    knock_socket_ = std::make_unique<KnockSocket>(executor(), local, session().receiver_address());
    return knock_socket_->port();
  }
  knocked_connections_ = std::make_shared<KnockedConnections>(executor(), in(kKnockLimit));
  return run_.sessions.dial_in()->port();
}

asio::awaitable<FoundPath> FlowRun::find_knocked_udp_path() {
  const std::uint16_t port = knock_socket_->port();
  const auto from = co_await knock_socket_->knocked(key_, in(kKnockLimit));
  if (!from) throw SetupError(no_knock("UDP port " + std::to_string(port)));
  PathQuest quest;
  quest.candidates = {{*from, "knock"}};
  quest.pace.attempts = 1;
  quest.make_end = [end = knock_socket_->connect(*from)](const traffic::Address&) { return end; };
  co_return co_await search(std::move(quest), "UDP", "udp");
}

asio::awaitable<FoundPath> FlowRun::find_knocked_tcp_path(std::uint32_t number,
                                                          std::function<void(int socket)> configure) {
  auto knocked = co_await knocked_connections_->next();
  if (!knocked) throw SetupError(no_knock("TCP port " + std::to_string(run_.sessions.dial_in()->port())));
  const auto end = std::make_shared<ProbeConnection>(std::move(*knocked));
  traffic::configure_socket(end->fd(), socket_spec());
  configure(end->fd());
  PathQuest quest;
  quest.candidates = {{end->remote(), "knock"}};
  quest.attempts_before = number << 10;
  quest.pace.attempts = 1;
  quest.make_end = [end](const traffic::Address&) { return end; };
  co_return co_await search(std::move(quest), "TCP", "tcp");
}

std::string FlowRun::no_knock(const std::string& where) const {
  if (const std::string why = given_up(); !why.empty()) return why;
  return "no knock of the receiver came to " + where + " of " + session().local_address().ip_string() +
         ", though its signalling did: does a firewall before this host drop it?";
}

asio::awaitable<FoundPath> FlowRun::find_udp_path(const wire::FlowOffer& offer) {
  if (knock_socket_) return find_knocked_udp_path();
  PathQuest quest;
  quest.candidates = candidates(offer, Transport::udp);
  if (source_port_ != 0) quest.pace.attempts = 1;
  quest.make_end = [this](const traffic::Address& to) {
    return std::make_shared<ProbeSocket>(executor(), to, local_end(0));
  };
  return search(std::move(quest), "UDP", "udp");
}

asio::awaitable<FoundPath> FlowRun::find_tcp_path(const wire::FlowOffer& offer,
                                                  std::function<void(int socket)> configure) {
  if (knocked_connections_) return find_knocked_tcp_path(0, std::move(configure));
  PathQuest quest;
  quest.candidates = candidates(offer, Transport::tcp);
  quest.make_end = [this, configure = std::move(configure)](const traffic::Address& to) {
    auto connection = std::make_shared<ProbeConnection>(executor(), to, local_end(0));
    configure(connection->fd());
    return connection;
  };
  // TCP itself tries again what was lost.
  quest.pace = {std::chrono::seconds(1), source_port_ != 0 ? 1 : SearchPace{}.attempts};
  return search(std::move(quest), "TCP", "tcp");
}

asio::awaitable<FoundPath> FlowRun::find_sctp_path(const wire::FlowOffer& offer,
                                                   std::function<void(int socket)> configure) {
  PathQuest quest;
  quest.candidates = candidates(offer, Transport::sctp);
  quest.make_end = [this, configure = std::move(configure)](const traffic::Address& to) {
    auto connection = std::make_shared<ProbeConnection>(executor(), to, local_end(0), IPPROTO_SCTP);
    configure(connection->fd());
    return connection;
  };
  quest.pace = {std::chrono::seconds(1), source_port_ != 0 ? 1 : SearchPace{}.attempts};
  return search(std::move(quest), "SCTP", "sctp");
}

asio::awaitable<FoundPath> FlowRun::find_again(const FoundPath& first, std::uint32_t number,
                                               std::function<void(int socket)> configure) {
  if (knocked_connections_) return find_knocked_tcp_path(number, std::move(configure));
  PathQuest quest;
  quest.candidates = {{first.dialled, "as the first stream"}};
  quest.attempts_before = number << 10;  // more than one search can make
  quest.make_end = [this, number, configure = std::move(configure)](const traffic::Address& to) {
    auto connection = std::make_shared<ProbeConnection>(executor(), to, local_end(number));
    configure(connection->fd());
    return connection;
  };
  quest.pace = {std::chrono::seconds(1), source_port_ != 0 ? 1 : SearchPace{}.attempts};
  return search(std::move(quest), "TCP", "tcp");
}

asio::awaitable<FoundPath> FlowRun::search(PathQuest quest, const char* transport, const char* option) {
  quest.key = key_;
  quest.given_up = [this] { return given_up(); };
  try {
    co_return co_await find_path(executor(), std::move(quest));
  } catch (const SetupError& error) {
    if (!given_up().empty()) throw;
    if (run_.sessions.dial_in())
      throw SetupError(std::string(error.what()) +
                       "\nThe receiver's knock came through, but nothing goes back that way.");
    throw SetupError(std::string(error.what()) +
                     "\nBehind a NodePort, tell the number that maps to the data port (8999/" + option +
                     "): here with --data-port" +
                     (transport == std::string_view("SCTP")
                          ? ""
                          : ", or at the receiver with --advertise " + std::string(option) + "=PORT") +
                     ". Else check that no firewall drops " + transport + " on the way.");
  }
}

asio::awaitable<void> FlowRun::confirm(const FoundPath& found) {
  key_.nonce = found.answer.reply.nonce;
  const std::uint32_t number = found.attempt.number;
  const wire::Message message =
      co_await expect(wire::Message::kPathConfirmed, kAnswerLimit, "confirmation of the path",
                      [number](const wire::Message& told) { return told.path_confirmed().attempt() == number; });

  const wire::PathConfirmed& confirmed = message.path_confirmed();
  path_.dialled = found.dialled.to_string();
  path_.arrived_at = wire::text(confirmed.arrived_at());
  path_.seen_from = wire::text(confirmed.seen_from());
  path_.sent_from = found.end->local().to_string();
  path_.source_translated = without_zone(path_.seen_from) != without_zone(path_.sent_from);
  path_.destination_translated = without_zone(path_.arrived_at) != without_zone(path_.dialled);
  path_.attempts = found.attempts;
  path_.first_packet = found.answer.sample().round_trip();
  path_.candidates = found.candidates;
  stamping_ = wire::from_wire(confirmed.stamping());
}

std::uint32_t FlowRun::exchanges() const {
  const auto flows = static_cast<std::uint32_t>(run_.spec.flows.size());
  return std::clamp(kExchanges * 16 / flows, kLeastExchanges, kExchanges);
}

void FlowRun::judge_clocks(const traffic::ClockExchange& exchange) {
  if (exchange.count() == 0)
    throw SetupError("the path answered one probe and then fell silent: no clock exchange succeeded");
  clock_ = traffic::judge(exchange, session().same_clock(), synchronized_offset_);
}

void FlowRun::request_start(SenderTime start) {
  start_ = start;
  wire::Message message;
  wire::StartFlow& request = *message.mutable_start_flow();
  request.set_flow_id(key_.flow_id);
  request.set_nonce(std::string(key_.nonce.begin(), key_.nonce.end()));
  request.set_start(start.time_since_epoch().count());
  wire::to_wire(path_, *request.mutable_path());
  wire::to_wire(clock_, *request.mutable_clock());
  fill(request);
  session().send(message);
}

asio::awaitable<void> FlowRun::await_start() {
  const wire::Message answer = co_await expect(wire::Message::kFlowStarted, kAnswerLimit, "start of the flow");
  stamping_ = wire::from_wire(answer.flow_started().stamping());
  if (!answer.flow_started().warning().empty()) run_.warn(wire::text(answer.flow_started().warning()));
  take(answer.flow_started());
  started_ = true;
  observer().path_confirmed(index_, path_, stamping_);
}

asio::awaitable<void> FlowRun::run() {
  std::string incomplete;
  try {
    begin();
    begun_ = true;
    if (!stopped_why_.empty()) halt();
    co_await watch();
    wire::FlowDone done;
    co_await report(done);
    send_done(done);
    co_await await_summary();
  } catch (const std::exception& error) {
    incomplete = error.what();
  }
  if (begun_) co_await break_off();  // when the receiver is gone: what it cannot count is not sent
  conclude(!stopped_why_.empty() ? stopped_why_ : incomplete);
  observer().finished(index_, result());
}

/// Rows come in until this end's traffic is over, or the receiver ends the flow by itself.
asio::awaitable<void> FlowRun::watch() {
  // SenderClock and steady_clock are one clock, CLOCK_MONOTONIC.
  const Clock::time_point hung(start_.time_since_epoch() + length() + kOvertime);
  while (!over()) {
    const auto message = co_await messages_.next(in(std::chrono::seconds(1)));
    if (!message && !session().failure().empty()) throw SetupError(session().failure());
    if (!message && Clock::now() > hung) throw SetupError("the flow did not come to its end in time");
    if (!message) continue;
    if (message->has_interval()) take(message->interval());
    if (message->has_refused())
      throw SetupError("the receiver ended the flow: " + wire::text(message->refused().reason()));
    if (!message->has_flow_summary()) continue;
    take_summary(message->flow_summary());
    throw SetupError("the receiver ended the flow early");
  }
}

void FlowRun::send_done(const wire::FlowDone& done) {
  if (done_sent_) return;
  done_sent_ = true;
  wire::Message message;
  *message.mutable_flow_done() = done;
  message.mutable_flow_done()->set_flow_id(key_.flow_id);
  wire::to_wire(clock_, *message.mutable_flow_done()->mutable_clock());
  if (!stopped_why_.empty()) message.mutable_flow_done()->set_incomplete_reason(stopped_why_);
  session().send(message);
}

asio::awaitable<void> FlowRun::await_summary() {
  const auto limit = summary_limit();
  const auto end = in(limit);
  while (!summary_came_) {
    const auto message = co_await messages_.next(end);
    if (!message && !session().failure().empty()) throw SetupError(session().failure());
    if (!message && Clock::now() >= end)
      throw SetupError("the receiver sent no summary in " +
                       std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) + " s");
    if (!message) continue;
    if (message->has_interval()) take(message->interval());
    if (message->has_refused())
      throw SetupError("the receiver gave up the flow: " + wire::text(message->refused().reason()));
    if (message->has_flow_summary()) take_summary(message->flow_summary());
  }
}

void FlowRun::now_over() {
  messages_.wake();
  over_.cancel();
}

asio::awaitable<void> FlowRun::until_over() {
  while (!over()) {
    over_.expires_after(std::chrono::seconds(1));
    asio::error_code cancelled;
    co_await over_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

void FlowRun::take_summary(const wire::FlowSummary& summary) {
  take(summary);
  summary_came_ = true;
}

void FlowRun::stop(const std::string& why) {
  if (done_sent_) return;  // all is measured
  if (stopped_why_.empty()) stopped_why_ = why;
  messages_.wake();
  if (begun_ && !over()) halt();
}

}  // namespace paceline::sender
