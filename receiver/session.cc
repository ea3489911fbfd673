// SPDX-License-Identifier: MIT
#include "receiver/session.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <vector>

#include "paceline/endpoint.h"
#include "paceline/version.h"
#include "proto/convert.h"
#include "receiver/admission.h"
#include "receiver/knocking.h"
#include "signalling/handshake.h"
#include "traffic/random.h"

namespace paceline::receiver {

using signalling::Channel;
using signalling::ChannelError;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds kFarewell{2};   // for a peer to take what it was sent last
constexpr std::chrono::seconds kLastFetch{8};  // for a sender to fetch records from a receiver that was stopped

constexpr std::chrono::milliseconds kDrainPause{50};  // from one look at what still runs to the next

// Who holds a place and does nothing with it makes room for others.
constexpr std::chrono::seconds kIdleSession{30};  // without a flow
constexpr std::chrono::seconds kUnstartedFlow{60};

// What may wait for the sender in all: the summaries of a session's flows may come at one moment.
constexpr std::size_t kOutboxPerFlow = 64 * 1024;

std::string bytes_of(const packet::Secret& secret) { return {secret.begin(), secret.end()}; }

/// Throws WireError.
FlowSpec spec_of(const wire::OpenFlow& request) {
  switch (request.spec_case()) {
    case wire::OpenFlow::kPackets: return wire::from_wire(request.packets());
    case wire::OpenFlow::kTcp: return wire::from_wire(request.tcp());
    case wire::OpenFlow::kConnections: return wire::from_wire(request.connections());
    case wire::OpenFlow::SPEC_NOT_SET: break;
  }
  throw wire::WireError("a kind of flow that this receiver does not know");
}

/// Why this host cannot run its side of such a flow; empty if it can.
std::string beyond_host(const PacketFlowSpec& packets, const Service& service) {
  if (packets.transport == Transport::icmp) return "echo requests are for a kernel to answer, no receiver is asked";
  if (packets.transport == Transport::sctp && !service.door.sctp_refusal().empty()) return service.door.sctp_refusal();
  if (packets.transport != Transport::udp && service.ladder.tc_required())
    return "the receiver requires TC stamps (--tc required), and records of a connection have none of their own";
  return {};
}

std::string beyond_host(const TcpFlowSpec& tcp, const Service&) {
  return tcp.direction == Direction::reverse && !tcp.congestion.empty() ? traffic::congestion_refusal(tcp.congestion)
                                                                        : "";
}

std::string beyond_host(const ConnectionFlowSpec&, const Service&) { return {}; }

std::string beyond_host(const FlowSpec& spec, const Service& service) {
  return std::visit([&](const auto& flow) { return beyond_host(flow, service); }, spec);
}

}  // namespace

Session::Session(std::shared_ptr<Channel> channel, Service& service, Opened opened)
    : channel_(std::move(channel)),
      service_(service),
      opened_(opened),
      peer_(channel_->remote_text()),
      flows_ended_(channel_->executor()),
      idleness_(channel_->executor()) {}

asio::awaitable<void> Session::run() {
  const auto self = shared_from_this();
  std::string why;
  try {
    co_await handshake();
    enter();
    if (follows_) {
      co_await serve_follower();
    } else {
      asio::co_spawn(channel_->executor(), watch_idleness(), asio::detached);
      co_await serve();
    }
  } catch (const std::exception& error) {
    why = error.what();
  }
  if (flows_.empty() && channel_->ended_by_peer()) why.clear();  // it has what it came for
  if (ending_.empty()) ending_ = "the sender is gone: " + why;
  co_await end_flows();
  records_.clear();
  const std::string hung_up = service_.observer.remove(*channel_);
  co_await channel_->flush_and_close(kFarewell);
  idleness_.cancel();
  if (welcomed_) leave(hung_up.empty() ? why : hung_up);
}

void Session::enter() {
  welcomed_ = true;
  if (follows_) {
    service_.observer.enter(client());
    return service_.observer.follower_opened(peer_);
  }
  ++service_.sessions;
  ++service_.sessions_by_client[client()];
  service_.observer.session_opened(peer_);
}

void Session::leave(const std::string& why) {
  if (follows_) {
    service_.observer.leave(client());
    return service_.observer.follower_closed(peer_, why);
  }
  --service_.sessions;
  const auto found = service_.sessions_by_client.find(client());
  if (--found->second == 0) service_.sessions_by_client.erase(found);
  service_.observer.session_closed(peer_, why);
}

asio::awaitable<void> Session::handshake() {
  // Not by ?: around co_await, which g++ 12 gets wrong.
  if (opened_ == Opened::by_us) {
    channel_->send_preamble();
    if (const auto tls = service_.credentials.tls.now()) channel_->secure(tls->open(""));
  } else {
    co_await channel_->expect_preamble(signalling::kHandshakeTime);
  }
  const auto deadline = Clock::now() + signalling::kHandshakeTime;
  const wire::Message first = co_await channel_->receive(signalling::kHandshakeTime, false);
  if (!first.has_hello()) throw ChannelError("the first message is no Hello");
  const wire::Hello& hello = first.hello();
  const auto refuse_session = [this](const std::string& reason) {
    refuse(0, 0, reason);
    return ChannelError(reason);
  };
  if (service_.credentials.tls.now() && !channel_->secured())
    throw refuse_session("signalling is by TLS alone here: use --tls, or --tls-ca FILE with the receiver's authority");
  follows_ = signalling::has_feature(hello, signalling::kFollowFeature);
  const auto keys = service_.credentials.keys.now();  // for this session, even if others come meanwhile
  const bool open = keys->empty();
  if (const std::string why = open ? full() : ""; !why.empty()) throw refuse_session(why);
  if (hello.nonce().size() != packet::Nonce{}.size()) throw refuse_session("a nonce has 16 bytes");
  const std::uint32_t version = std::min(hello.highest_version(), signalling::kHighestVersion);
  if (version < std::max(hello.lowest_version(), signalling::kLowestVersion))
    throw refuse_session("no common signalling version: the sender speaks " + std::to_string(hello.lowest_version()) +
                         " to " + std::to_string(hello.highest_version()) + ", this receiver " +
                         std::to_string(signalling::kLowestVersion) + " to " +
                         std::to_string(signalling::kHighestVersion));
  if (signalling::for_runs(hello))
    throw refuse_session("this is a receiver: runs are taken by paceline-send serve, port 8998 by default");

  wire::Message answer;
  wire::Welcome& welcome = *answer.mutable_welcome();
  welcome.set_version(version);
  welcome.add_features(signalling::kRecordFeature);
  welcome.add_features(signalling::kFollowFeature);
  welcome.set_key_wanted(!open);
  welcome.mutable_limits()->set_flows(service_.spec.limits.flows_per_session);
  welcome.mutable_limits()->set_rate_pps(service_.spec.limits.rate_pps);
  welcome.mutable_limits()->set_duration(service_.spec.limits.duration.count());
  welcome.set_nonce(bytes_of(traffic::random_value<packet::Nonce>()));
  welcome.mutable_clock()->set_boot_id(service_.clock.boot_id);
  welcome.mutable_clock()->set_time_namespace(service_.clock.time_namespace);
  welcome.mutable_clock()->set_monotonic_offset(service_.clock.monotonic_offset.count());
  wire::to_wire(service_.host.now(), *welcome.mutable_host());
  welcome.set_program_version(std::string(kVersion));
  channel_->send(answer);
  if (!open) co_await demand_key(*keys, deadline);
  channel_->set_max_message(signalling::kMaxRequest);
  channel_->start_heartbeats();
}

asio::awaitable<void> Session::demand_key(const std::vector<Key>& keys, Clock::time_point deadline) {
  try {
    co_await signalling::demand_key(*channel_, keys, deadline, [this] { return full(); });
  } catch (const ChannelError& error) {
    const bool impostor = std::string_view(error.what()) == frame::kNotAuthentic;
    const std::string news = impostor ? service_.impostors.tell(peer_, Clock::now()) : "";
    if (!news.empty()) service_.observer.warning(news);
    if (!channel_->ended_by_peer()) service_.observer.refused(peer_, error.what());
    throw;
  }
}

// Why there is no place for one more session; empty if there is.
std::string Session::full() const {
  if (service_.draining) return "the receiver is being shut down and serves nobody new (draining)";
  if (follows_) return service_.observer.full(client());
  const ReceiverLimits& limits = service_.spec.limits;
  if (service_.sessions >= limits.sessions)
    return "the receiver serves " + std::to_string(limits.sessions) + " sessions already, its limit (sessions)";
  const auto found = service_.sessions_by_client.find(client());
  if (found != service_.sessions_by_client.end() && found->second >= limits.sessions_per_client)
    return "the receiver serves " + std::to_string(found->second) +
           " sessions from your address already, its limit (sessions per client)";
  return {};
}

asio::awaitable<void> Session::serve() {
  for (;;) {
    const wire::Message message = co_await channel_->receive(signalling::kSilenceLimit, true);
    switch (message.body_case()) {
      case wire::Message::kOpenFlow: open_flow(message.open_flow()); break;
      case wire::Message::kStartFlow:
        if (const auto flow = find(message.start_flow().flow_id())) {
          flow->start(message.start_flow());
        } else {
          refuse(0, message.start_flow().flow_id(), "the session has no such flow");
        }
        break;
      case wire::Message::kFlowDone:
        if (const auto flow = find(message.flow_done().flow_id())) flow->done(message.flow_done());
        break;
      case wire::Message::kReadRecord: read_record(message.read_record()); break;
      case wire::Message::kRecordTaken:
        if (!find(message.record_taken().flow_id())) records_.erase(message.record_taken().flow_id());
        break;
      default: throw ChannelError("a message that a sender does not send");
    }
  }
}

/// Until it leaves, or is hung up on.
asio::awaitable<void> Session::serve_follower() {
  const wire::Message message = co_await channel_->receive(signalling::kHandshakeTime, true);
  if (!message.has_subscribe()) throw ChannelError("a message that a follower does not send");
  service_.observer.add(channel_, message.subscribe());
  co_await channel_->receive(signalling::kSilenceLimit, true);
  throw ChannelError("a message that a follower does not send");
}

void Session::read_record(const wire::ReadRecord& request) {
  const auto found = records_.find(request.flow_id());
  if (found == records_.end()) return refuse(0, request.flow_id(), "no record of the flow was asked for");
  if (!found->second->read(request.most())) throw ChannelError("too many requests for a record at once");
}

bool Session::records_awaited() const {
  return std::ranges::any_of(records_, [](const auto& record) { return record.second->awaited(); });
}

asio::awaitable<void> Session::watch_idleness() {
  const auto self = shared_from_this();
  auto busy = std::chrono::steady_clock::now();
  for (;;) {
    idleness_.expires_after(std::chrono::seconds(5));
    asio::error_code cancelled;
    co_await idleness_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (cancelled) co_return;
    const auto now = std::chrono::steady_clock::now();
    std::vector<std::pair<std::uint32_t, std::shared_ptr<ServedFlow>>> unstarted;
    for (const auto& [id, flow] : flows_) {
      if (flow->unstarted_for(kUnstartedFlow)) unstarted.emplace_back(id, flow);
    }
    for (const auto& [id, flow] : unstarted) {
      refuse(0, id, "the flow was not started in 60 s");
      flow->end("");
    }
    if (!flows_.empty() || records_awaited()) busy = now;
    if (now - busy <= kIdleSession) continue;
    refuse(0, 0, "the session had no flow for 30 s");
    co_await channel_->flush_and_close(kFarewell);
    co_return;
  }
}

void Session::open_flow(const wire::OpenFlow& request) {
  FlowSpec spec;
  try {
    spec = spec_of(request);
  } catch (const std::exception& error) {
    return refuse(request.request(), 0, error.what());
  }
  for (const std::string& refusal : {no_room(spec), beyond_limits(spec, service_.spec.limits),
                                     beyond_host(spec, service_), misplaced_knock(request)}) {
    if (!refusal.empty()) return refuse(request.request(), 0, refusal);
  }
  offer_flow(request, spec);
}

/// Why it is not to be knocked as asked; empty if all is well.
std::string Session::misplaced_knock(const wire::OpenFlow& request) const {
  if (opened_ == Opened::by_sender)
    return request.knock_port() == 0 ? "" : "this receiver knocks at senders that it dialled only";
  if (request.knock_port() == 0 || request.knock_port() > 65535)
    return "a sender that was dialled names the port at which it awaits a knock";
  return request.has_connections() ? "ever new connections, and none gets in to a receiver that dialled out" : "";
}

std::string Session::no_room(const FlowSpec& spec) const {
  if (service_.draining) return "the receiver is being shut down and takes no new flow (draining)";
  const ReceiverLimits& limits = service_.spec.limits;
  if (flows_.size() >= limits.flows_per_session)
    return "the session has " + std::to_string(flows_.size()) + " flows, the receiver's limit (flows per session)";
  return service_.flows.no_room(client(), spec, limits);
}

void Session::offer_flow(const wire::OpenFlow& request, const FlowSpec& spec) {
  const std::uint32_t id = choose_id(spec);
  const auto secret = traffic::random_value<packet::Secret>();
  const auto flow = make_served_flow(shared_from_this(), id, secret, spec);
  if (request.record() && std::holds_alternative<PacketFlowSpec>(spec)) {
    const auto record = std::make_shared<ServedRecord>(channel_->executor(), service_.file_worker, id,
                                                       [channel = channel_](const auto& part) { channel->send(part); });
    records_.emplace(id, record);
    flow->make_record(record);
  }
  flow->open();
  service_.flows.add(id, client(), spec);
  flows_.emplace(id, flow);
  channel_->set_outbox_limit(signalling::kMaxOutbox + flows_.size() * kOutboxPerFlow);

  wire::Message answer;
  wire::FlowOffer& offer = *answer.mutable_flow_offer();
  offer.set_request(request.request());
  offer.set_flow_id(id);
  offer.set_secret(bytes_of(secret));
  const auto advertised_udp = service_.spec.advertise_udp.value_or(0);
  const auto advertised_tcp = service_.spec.advertise_tcp.value_or(0);
  if (advertised_udp != 0 || advertised_tcp != 0) {
    wire::Candidate& advertised = *offer.add_candidates();
    advertised.set_udp_port(advertised_udp);
    advertised.set_tcp_port(advertised_tcp);
    advertised.set_advertised(true);
  }
  wire::Candidate& own = *offer.add_candidates();
  if (advertised_udp != service_.data_port) own.set_udp_port(service_.data_port);
  if (advertised_tcp != service_.data_port) own.set_tcp_port(service_.data_port);
  offer.set_realtime_offset(traffic::realtime_offset().count());
  channel_->send(answer);
  if (opened_ == Opened::by_us) knock(flow, {id, 0, secret}, spec, static_cast<std::uint16_t>(request.knock_port()));
}

/// Over TCP at the port that was dialled for signalling, as many times as the flow has connections.
void Session::knock(const std::shared_ptr<ServedFlow>& flow, packet::Knock knock, const FlowSpec& spec,
                    std::uint16_t port) {
  const auto executor = channel_->executor();
  const auto dialled = channel_->remote();
  const auto* packets = std::get_if<PacketFlowSpec>(&spec);
  if (packets && packets->transport == Transport::udp) {
    const auto to = traffic::Address::parse(dialled.address().to_string(), port);
    asio::co_spawn(executor, knock_over_udp(flow, knock, to, service_), asio::detached);
    return;
  }
  const auto* tcp = std::get_if<TcpFlowSpec>(&spec);
  const std::uint32_t connections = tcp ? tcp->streams : 1;
  for (knock.number = 1; knock.number <= connections; ++knock.number)
    asio::co_spawn(executor, knock_over_tcp(flow, knock, dialled, service_), asio::detached);
}

std::uint32_t Session::choose_id(const FlowSpec& spec) {
  const auto* packets = std::get_if<PacketFlowSpec>(&spec);
  const auto* connections = std::get_if<ConnectionFlowSpec>(&spec);
  const bool over_udp = (packets != nullptr && packets->transport == Transport::udp) ||
                        (connections != nullptr && connections->transport == Transport::udp);
  // Super-packets blur delays, and cannot be sent back one by one.
  const bool in_bulk = packets != nullptr && packets->batching != Batching::single && packets->meter == Meter::one_way;
  for (;;) {
    // The data path steers datagrams by their flow's id.
    const std::uint32_t id = over_udp ? service_.data_path.choose_id(in_bulk) : traffic::random_value<std::uint32_t>();
    if (id != 0 && !service_.flows.contains(id)) return id;
  }
}

std::shared_ptr<ServedFlow> Session::find(std::uint32_t flow_id) const {
  const auto found = flows_.find(flow_id);
  return found == flows_.end() ? nullptr : found->second;
}

void Session::refuse(std::uint32_t request, std::uint32_t flow_id, const std::string& reason) {
  wire::Message answer;
  answer.mutable_refused()->set_request(request);
  answer.mutable_refused()->set_flow_id(flow_id);
  answer.mutable_refused()->set_reason(reason);
  channel_->send(answer);
  service_.observer.refused(peer_, reason);
}

void Session::forget(std::uint32_t flow_id) {
  service_.observer.flow_gone(flow_id);
  if (const auto record = records_.find(flow_id); record != records_.end()) record->second->flow_over();
  if (flows_.erase(flow_id) > 0) service_.flows.remove(flow_id);
  if (flows_.empty()) flows_ended_.cancel();
}

bool Session::busy() const { return follows_ ? !service_.flows.empty() : !flows_.empty() || records_awaited(); }

asio::awaitable<void> Session::end_flows() {
  const auto flows = flows_;  // those that do not run are forgotten at once
  for (const auto& [id, flow] : flows) flow->end(ending_);
  if (flows_.empty()) co_return;
  flows_ended_.expires_after(kFarewell);
  asio::error_code cancelled;
  co_await flows_ended_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  while (!flows_.empty()) forget(flows_.begin()->first);
}

/// Waits for the sender to fetch what it asked for, for a while.
asio::awaitable<void> Session::records_fetched() {
  const auto limit = Clock::now() + kLastFetch;
  asio::steady_timer pause(channel_->executor());
  while (records_awaited() && Clock::now() < limit) {
    pause.expires_after(std::chrono::milliseconds(20));
    co_await pause.async_wait(asio::use_awaitable);
  }
}

void Session::stop(const std::string& why) {
  if (ending_.empty()) ending_ = why;
  asio::co_spawn(
      channel_->executor(),
      [self = shared_from_this()]() -> asio::awaitable<void> {
        co_await self->end_flows();
        if (self->follows_) {
          self->service_.observer.stop(self->ending_);
        } else {
          co_await self->records_fetched();
          co_await self->channel_->flush_and_shut_down(kFarewell);
        }
        // The sender hangs up when it has read its summaries; closing first could destroy them on the way.
        asio::steady_timer patience(self->channel_->executor(), self->follows_ ? 2 * kFarewell : kFarewell);
        co_await patience.async_wait(asio::use_awaitable);
        self->channel_->close();
      },
      asio::detached);
}

void Session::stop_when_done(const std::string& why) {
  asio::co_spawn(
      channel_->executor(),
      [self = shared_from_this(), why]() -> asio::awaitable<void> {
        asio::steady_timer pause(self->channel_->executor());
        while (self->busy() && self->ending_.empty()) {
          pause.expires_after(kDrainPause);
          co_await pause.async_wait(asio::use_awaitable);
        }
        if (self->ending_.empty()) self->stop(why);
      },
      asio::detached);
}

}  // namespace paceline::receiver
