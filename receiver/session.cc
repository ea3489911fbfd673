// SPDX-License-Identifier: MIT
#include "receiver/session.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "paceline/endpoint.h"
#include "paceline/version.h"
#include "proto/convert.h"
#include "traffic/clock_source.h"
#include "traffic/random.h"

namespace paceline::receiver {

using signalling::Channel;
using signalling::ChannelError;

/// Carries a flow's events from the data path's thread to its session's.
class FlowEvents : public FlowListener {
 public:
  FlowEvents(const std::shared_ptr<Session>& session, std::uint32_t flow_id)
      : session_(session), executor_(session->flows_ended_.get_executor()), flow_id_(flow_id) {}

  void path_confirmed(std::uint32_t attempt, const traffic::Address& arrived_at, const traffic::Address& seen_from,
                      const Stamping& stamping) override {
    asio::post(executor_,
               [session = session_, id = flow_id_, attempt, to = arrived_at.to_string(), from = seen_from.to_string(),
                stamping] { session->on_path_confirmed(id, attempt, to, from, stamping); });
  }

  void interval(Interval&& interval) override {
    asio::post(executor_, [session = session_, id = flow_id_, interval = std::move(interval)] {
      session->on_interval(id, interval);
    });
  }

  void finished(ReceiverTime when, std::uint32_t socket_flows, std::unique_ptr<decoder::RecordWriter> writer) override {
    asio::post(executor_,
               [session = session_, id = flow_id_, when, socket_flows, writer = std::move(writer)]() mutable {
                 session->on_finished(id, when, socket_flows, std::move(writer));
               });
  }

 private:
  std::shared_ptr<Session> session_;
  asio::any_io_executor executor_;
  std::uint32_t flow_id_;
};

namespace {

std::string endpoint_text(const asio::ip::tcp::endpoint& endpoint) {
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return to_string(Endpoint{address.to_string(), endpoint.port()});
}

template <class Array>
bool copy_bytes(const std::string& from, Array& to) {
  if (from.size() != to.size()) return false;
  std::copy(from.begin(), from.end(), to.begin());
  return true;
}

// A flow starts within moments of its StartFlow: a start farther from now means that the clock map is wrong.
constexpr std::chrono::seconds kStartsWithin{60};

constexpr std::chrono::seconds kFarewell{2};  // for a peer to take what it was sent last

// Who holds a place and does nothing with it makes room for others.
constexpr std::chrono::seconds kIdleSession{30};  // without a flow
constexpr std::chrono::seconds kUnstartedFlow{60};

// A machine that is busy with others stalls a reader for some milliseconds every now and then.
constexpr std::chrono::duration<double> kBufferedTime{0.02};

std::string number_text(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", number);
  return text;
}

std::string bytes_of(const packet::Secret& secret) { return {secret.begin(), secret.end()}; }

std::string record_name(std::uint32_t flow_id) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[64];
  const std::size_t length = std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  std::snprintf(text + length, sizeof text - length, "-%08x.paceline", flow_id);
  return text;
}

}  // namespace

Session::Session(std::shared_ptr<Channel> channel, Service& service)
    : channel_(std::move(channel)),
      service_(service),
      peer_(endpoint_text(channel_->remote())),
      flows_ended_(channel_->executor()),
      idleness_(channel_->executor()) {}

asio::awaitable<void> Session::run() {
  const auto self = shared_from_this();
  std::string why;
  try {
    co_await handshake();
    welcomed_ = true;
    ++service_.sessions;
    ++service_.sessions_by_client[channel_->remote().address()];
    service_.observer.session_opened(peer_);
    asio::co_spawn(channel_->executor(), watch_idleness(), asio::detached);
    co_await serve();
  } catch (const std::exception& error) {
    why = error.what();
  }
  if (flows_.empty() && channel_->ended_by_peer()) why.clear();  // it has what it came for
  if (ending_.empty()) ending_ = "the sender is gone: " + why;
  co_await end_flows();
  co_await channel_->flush_and_close(kFarewell);
  idleness_.cancel();
  if (!welcomed_) co_return;
  --service_.sessions;
  const auto client = service_.sessions_by_client.find(channel_->remote().address());
  if (--client->second == 0) service_.sessions_by_client.erase(client);
  service_.observer.session_closed(peer_, why);
}

asio::awaitable<void> Session::handshake() {
  co_await channel_->expect_preamble(signalling::kHandshakeTime);
  const wire::Message first = co_await channel_->receive(signalling::kHandshakeTime, false);
  if (!first.has_hello()) throw ChannelError("the first message is no Hello");
  const wire::Hello& hello = first.hello();
  const auto refuse_session = [this](const std::string& reason) {
    refuse(0, 0, reason);
    return ChannelError(reason);
  };
  if (service_.sessions >= service_.spec.limits.sessions)
    throw refuse_session("the receiver serves " + std::to_string(service_.spec.limits.sessions) +
                         " sessions already, its limit (sessions)");
  const auto client = service_.sessions_by_client.find(channel_->remote().address());
  if (client != service_.sessions_by_client.end() && client->second >= service_.spec.limits.sessions_per_client)
    throw refuse_session("the receiver serves " + std::to_string(client->second) +
                         " sessions from your address already, its limit (sessions per client)");
  if (hello.nonce().size() != packet::Nonce{}.size()) throw refuse_session("a nonce has 16 bytes");
  const std::uint32_t version = std::min(hello.highest_version(), signalling::kHighestVersion);
  if (version < std::max(hello.lowest_version(), signalling::kLowestVersion))
    throw refuse_session("no common signalling version: the sender speaks " + std::to_string(hello.lowest_version()) +
                         " to " + std::to_string(hello.highest_version()) + ", this receiver " +
                         std::to_string(signalling::kLowestVersion) + " to " +
                         std::to_string(signalling::kHighestVersion));

  wire::Message answer;
  wire::Welcome& welcome = *answer.mutable_welcome();
  welcome.set_version(version);
  welcome.mutable_limits()->set_flows(service_.spec.limits.flows_per_session);
  welcome.mutable_limits()->set_rate_pps(service_.spec.limits.rate_pps);
  welcome.mutable_limits()->set_duration(service_.spec.limits.duration.count());
  welcome.set_nonce(bytes_of(traffic::random_value<packet::Nonce>()));
  welcome.mutable_clock()->set_boot_id(service_.clock.boot_id);
  welcome.mutable_clock()->set_time_namespace(service_.clock.time_namespace);
  welcome.mutable_clock()->set_monotonic_offset(service_.clock.monotonic_offset.count());
  wire::to_wire(service_.host, *welcome.mutable_host());
  welcome.set_program_version(std::string(kVersion));
  channel_->send(answer);
  channel_->start_heartbeats();
}

asio::awaitable<void> Session::serve() {
  for (;;) {
    const wire::Message message = co_await channel_->receive(signalling::kSilenceLimit, true);
    switch (message.body_case()) {
      case wire::Message::kOpenFlow: open_flow(message.open_flow()); break;
      case wire::Message::kStartFlow: start_flow(message.start_flow()); break;
      case wire::Message::kFlowDone: flow_done(message.flow_done()); break;
      case wire::Message::kSubscribe: refuse(0, 0, "this receiver serves no followers"); break;
      default: throw ChannelError("a message that a sender does not send");
    }
  }
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
    std::vector<std::uint32_t> unstarted;
    for (const auto& [id, flow] : flows_) {
      if (!flow.starting && now - flow.opened > kUnstartedFlow) unstarted.push_back(id);
    }
    for (const std::uint32_t id : unstarted) {
      refuse(0, id, "the flow was not started in 60 s");
      service_.data_path.remove(id);
      forget(id);
    }
    if (!flows_.empty()) busy = now;
    if (now - busy <= kIdleSession) continue;
    refuse(0, 0, "the session had no flow for 30 s");
    co_await channel_->flush_and_close(kFarewell);
    co_return;
  }
}

void Session::open_flow(const wire::OpenFlow& request) {
  const ReceiverLimits& limits = service_.spec.limits;
  FlowSpec spec;
  try {
    spec = wire::from_wire(request.spec());
  } catch (const std::exception& error) {
    return refuse(request.request(), 0, error.what());
  }
  if (flows_.size() >= limits.flows_per_session)
    return refuse(
        request.request(), 0,
        "the session has " + std::to_string(flows_.size()) + " flows, the receiver's limit (flows per session)");
  if (service_.flow_ids.size() >= limits.flows)
    return refuse(request.request(), 0,
                  "the receiver has " + std::to_string(service_.flow_ids.size()) + " flows, its limit (flows)");
  if (spec.rate_pps > limits.rate_pps)
    return refuse(request.request(), 0,
                  "a rate of " + number_text(spec.rate_pps) + " packets/s is above the receiver's limit of " +
                      number_text(limits.rate_pps) + " (rate)");
  if (spec.duration > limits.duration)
    return refuse(request.request(), 0,
                  "the duration is above the receiver's limit of " +
                      std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limits.duration).count()) +
                      " s (duration)");

  std::uint32_t id = 0;
  while (id == 0 || service_.flow_ids.contains(id)) id = traffic::random_value<std::uint32_t>();
  service_.flow_ids.insert(id);
  const auto secret = traffic::random_value<packet::Secret>();
  SessionFlow& flow = flows_[id];
  flow.result.flow_id = id;
  flow.result.spec = spec;
  service_.data_path.add(
      std::make_unique<Flow>(id, secret, spec, std::make_unique<FlowEvents>(shared_from_this(), id)));

  wire::Message answer;
  wire::FlowOffer& offer = *answer.mutable_flow_offer();
  offer.set_request(request.request());
  offer.set_flow_id(id);
  offer.set_secret(bytes_of(secret));
  if (service_.spec.advertise_udp) {
    wire::Candidate& advertised = *offer.add_candidates();
    advertised.set_udp_port(*service_.spec.advertise_udp);
    advertised.set_advertised(true);
  }
  if (service_.spec.advertise_udp != service_.data_port) offer.add_candidates()->set_udp_port(service_.data_port);
  offer.set_realtime_offset(traffic::realtime_offset().count());
  channel_->send(answer);
}

void Session::start_flow(const wire::StartFlow& request) {
  const auto found = flows_.find(request.flow_id());
  if (found == flows_.end()) return refuse(0, request.flow_id(), "the session has no such flow");
  SessionFlow& flow = found->second;
  if (flow.starting) return refuse(0, request.flow_id(), "the flow is running already");
  packet::Nonce nonce;
  if (!copy_bytes(request.nonce(), nonce)) return refuse(0, request.flow_id(), "a nonce has 16 bytes");
  if (!traffic::plausible(nanoseconds{request.start()}) || !traffic::plausible(nanoseconds{request.clock().offset()}))
    return refuse(0, request.flow_id(), "a start or a clock offset that no clock shows");
  flow.result.path = wire::from_wire(request.path());
  flow.result.clock = wire::from_wire(request.clock());

  decoder::FlowStart start;
  start.flow_id = request.flow_id();
  start.spec = flow.result.spec;
  start.map.offset = flow.result.clock.offset;
  start.start = SenderTime{nanoseconds{request.start()}};
  const nanoseconds ahead = start.map.to_receiver(start.start) - traffic::now<ReceiverClock>();
  if (std::chrono::abs(ahead) > kStartsWithin)
    return refuse(0, request.flow_id(),
                  "by the flow's clock map it starts " +
                      std::to_string(std::chrono::duration_cast<std::chrono::seconds>(ahead).count()) +
                      " s from now: the two clocks are not what the sender takes them for");
  flow.starting = true;
  flow.start = start;
  service_.data_path.bind(start.flow_id, nonce, [self = shared_from_this(), id = start.flow_id](const auto& bound) {
    asio::post(self->flows_ended_.get_executor(), [self, id, bound] { self->on_bound(id, bound); });
  });
}

void Session::open_record(std::uint32_t flow_id) {
  asio::post(service_.file_worker, [self = shared_from_this(), flow_id, start = flows_.at(flow_id).start] {
    std::unique_ptr<decoder::RecordWriter> writer;
    std::string warning;
    try {
      writer =
          std::make_unique<decoder::RecordWriter>(*self->service_.spec.record_directory / record_name(flow_id), start);
    } catch (const std::exception& error) {
      warning = "no record of this flow: " + std::string(error.what());
    }
    asio::post(self->flows_ended_.get_executor(), [self, flow_id, warning, writer = std::move(writer)]() mutable {
      self->take_packets(flow_id, std::move(writer), warning);
    });
  });
}

void Session::take_packets(std::uint32_t flow_id, std::unique_ptr<decoder::RecordWriter> writer,
                           const std::string& warning) {
  if (!warning.empty()) service_.observer.warning(warning);
  const auto found = flows_.find(flow_id);
  if (found == flows_.end()) return;
  found->second.running = true;
  service_.data_path.start(
      found->second.start, std::move(writer), [self = shared_from_this(), flow_id](const DataPath::Started& started) {
        asio::post(self->flows_ended_.get_executor(), [self, flow_id, started] { self->on_started(flow_id, started); });
      });
}

void Session::flow_done(const wire::FlowDone& report) {
  const auto found = flows_.find(report.flow_id());
  if (found == flows_.end() || !found->second.started) return;
  FlowResult& result = found->second.result;
  if (result.sent.packets > 0 || result.complete) return;  // told once already
  result.sent = wire::from_wire(report.sent());
  const nanoseconds offset = result.clock.offset;
  result.clock = wire::from_wire(report.clock());
  result.clock.offset = offset;  // the one in use
  result.incomplete_reason = wire::text(report.incomplete_reason());
  result.complete = result.incomplete_reason.empty();
  service_.data_path.done(report.flow_id(), result.sent.packets);
}

void Session::refuse(std::uint32_t request, std::uint32_t flow_id, const std::string& reason) {
  wire::Message answer;
  answer.mutable_refused()->set_request(request);
  answer.mutable_refused()->set_flow_id(flow_id);
  answer.mutable_refused()->set_reason(reason);
  channel_->send(answer);
}

void Session::on_path_confirmed(std::uint32_t flow_id, std::uint32_t attempt, const std::string& arrived_at,
                                const std::string& seen_from, const Stamping& stamping) {
  wire::Message message;
  wire::PathConfirmed& confirmed = *message.mutable_path_confirmed();
  confirmed.set_flow_id(flow_id);
  confirmed.set_attempt(attempt);
  confirmed.set_arrived_at(arrived_at);
  confirmed.set_seen_from(seen_from);
  wire::to_wire(stamping, *confirmed.mutable_stamping());
  channel_->send(message);
}

void Session::on_bound(std::uint32_t flow_id, const DataPath::Bound& bound) {
  const auto found = flows_.find(flow_id);
  if (found == flows_.end()) return;
  SessionFlow& flow = found->second;
  if (!bound.refused.empty()) {
    flow.starting = false;
    return refuse(0, flow_id, bound.refused);
  }
  flow.result.stamping = bound.stamping;
  flow.start.hook = bound.stamping.hook;
  if (service_.spec.record_directory) return open_record(flow_id);
  take_packets(flow_id, nullptr, "");
}

void Session::on_started(std::uint32_t flow_id, const DataPath::Started& started) {
  const auto found = flows_.find(flow_id);
  if (found == flows_.end()) return;
  SessionFlow& flow = found->second;
  if (!started.refused.empty()) {
    refuse(0, flow_id, started.refused);
    service_.data_path.remove(flow_id);
    return forget(flow_id);
  }
  flow.started = true;
  flow.result.duplicate_window = started.duplicate_window;
  const std::string warning = small_buffer_warning(flow.result.spec);
  if (!warning.empty()) service_.observer.warning(warning);
  wire::Message message;
  message.mutable_flow_started()->set_flow_id(flow_id);
  wire::to_wire(flow.result.stamping, *message.mutable_flow_started()->mutable_stamping());
  message.mutable_flow_started()->set_duplicate_window(started.duplicate_window);
  message.mutable_flow_started()->set_warning(warning);
  channel_->send(message);
  service_.observer.flow_started(flow.result);
}

std::string Session::small_buffer_warning(const FlowSpec& spec) const {
  // The kernel charges a datagram with its memory: a page's part and some 700 bytes of bookkeeping.
  const double stall = static_cast<double>(service_.data_path.buffer_bytes()) / (spec.size + 768.0) / spec.rate_pps;
  if (stall >= kBufferedTime.count()) return {};
  return "the receive buffer holds " + number_text(stall * 1e3) +
         " ms of this flow: longer stalls of the receiver lose packets (raise net.core.rmem_max there, or give it "
         "CAP_NET_ADMIN)";
}

void Session::on_interval(std::uint32_t flow_id, const Interval& interval) {
  const auto found = flows_.find(flow_id);
  if (found == flows_.end()) return;
  decoder::accumulate(found->second.result, interval);
  service_.observer.interval(flow_id, interval);
  wire::Message message;
  message.mutable_interval()->set_flow_id(flow_id);
  wire::to_wire(interval, *message.mutable_interval()->mutable_interval());
  channel_->send(message);
}

void Session::on_finished(std::uint32_t flow_id, ReceiverTime when, std::uint32_t socket_flows,
                          std::unique_ptr<decoder::RecordWriter> writer) {
  const auto found = flows_.find(flow_id);
  if (found == flows_.end()) return;
  FlowResult& result = found->second.result;
  result.socket_flows = socket_flows;
  // Who ends the wait for stragglers early does not know what was lost.
  if (result.complete && !ending_.empty() && result.received.packets < result.sent.packets) result.complete = false;
  if (!result.complete && result.incomplete_reason.empty())
    result.incomplete_reason = !ending_.empty() ? ending_ : "the sender did not say that the flow was over";

  wire::Message message;
  message.mutable_flow_summary()->set_flow_id(flow_id);
  wire::to_wire(result, *message.mutable_flow_summary()->mutable_result());
  channel_->send(message);
  service_.observer.flow_finished(result);
  if (writer) {
    asio::post(service_.file_worker, [self = shared_from_this(), result, when, writer = std::move(writer)]() mutable {
      const std::string error = writer->finish(result, when);
      const std::uint64_t lost = writer->lost_records();
      asio::post(self->flows_ended_.get_executor(), [self, error, lost] {
        if (!error.empty()) self->service_.observer.warning("record file: " + error);
        if (lost > 0)
          self->service_.observer.warning(
              "record file: " + std::to_string(lost) +
              " records are missing (the disk did not keep up, or a peer sent far too many packets)");
      });
    });
  }
  forget(flow_id);
}

void Session::forget(std::uint32_t flow_id) {
  service_.flow_ids.erase(flow_id);
  flows_.erase(flow_id);
  if (flows_.empty()) flows_ended_.cancel();
}

asio::awaitable<void> Session::end_flows() {
  std::vector<std::uint32_t> unstarted;
  for (const auto& [id, flow] : flows_) {
    service_.data_path.remove(id);
    if (!flow.running) unstarted.push_back(id);
  }
  for (const std::uint32_t id : unstarted) forget(id);
  if (flows_.empty()) co_return;
  flows_ended_.expires_after(std::chrono::seconds(2));
  asio::error_code cancelled;
  co_await flows_ended_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  while (!flows_.empty()) forget(flows_.begin()->first);  // bound, but never started
}

void Session::stop(const std::string& why) {
  if (ending_.empty()) ending_ = why;
  asio::co_spawn(
      channel_->executor(),
      [self = shared_from_this()]() -> asio::awaitable<void> {
        co_await self->end_flows();
        co_await self->channel_->flush_and_shut_down(kFarewell);
        // The sender hangs up when it has read its summaries; closing first could destroy them on the way.
        asio::steady_timer patience(self->channel_->executor(), kFarewell);
        co_await patience.async_wait(asio::use_awaitable);
        self->channel_->close();
      },
      asio::detached);
}

}  // namespace paceline::receiver
