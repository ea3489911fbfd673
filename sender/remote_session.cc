// SPDX-License-Identifier: MIT
#include "sender/remote_session.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "paceline/error.h"
#include "paceline/version.h"
#include "proto/convert.h"
#include "proto/convert_remote.h"
#include "proto/packet.h"
#include "signalling/handshake.h"
#include "traffic/random.h"

namespace paceline::sender {

using signalling::Channel;
using signalling::ChannelError;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds kFarewell{2};        // for the controller to hang up when it has all
constexpr std::chrono::seconds kResultTime{60};     // for the result to leave
constexpr std::size_t kOutboxPerFlow = 128 * 1024;  // of which each may have two results waiting, at one moment

}  // namespace

/// How a run ended.
struct RemoteSession::Outcome {
  RunResult result;
  std::string usage_error, setup_error;  // one of them, when there is no result

  std::string why() const {
    if (!usage_error.empty()) return usage_error;
    if (!setup_error.empty()) return setup_error;
    for (const FlowResult& flow : result.flows) {
      const std::string why = std::visit([](const auto& any) { return any.incomplete_reason; }, flow);
      if (!is_complete(flow)) return why.empty() ? "incomplete" : why;
    }
    return {};
  }
};

/// Tells the controller what the run's observer is told, from the run's thread.
class RemoteSession::News : public RunObserver {
 public:
  explicit News(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}

  void waiting(std::uint16_t port) override {
    tell([&](wire::RunEvent& event) { event.set_waiting(port); });
  }
  void connected(const std::string& address) override {
    tell([&](wire::RunEvent& event) { event.set_connected(address); });
  }
  void path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) override {
    tell([&](wire::RunEvent& event) {
      event.mutable_path()->set_flow(static_cast<std::uint32_t>(flow));
      wire::to_wire(path, *event.mutable_path()->mutable_path());
      wire::to_wire(stamping, *event.mutable_path()->mutable_stamping());
    });
  }
  void interval(std::size_t flow, const PacketInterval& row) override {
    tell([&](wire::RunEvent& event) { wire::to_wire(row, *row_of(event, flow).mutable_packets()); });
  }
  void interval(std::size_t flow, const TcpInterval& row) override {
    tell([&](wire::RunEvent& event) { wire::to_wire(row, *row_of(event, flow).mutable_tcp()); });
  }
  void interval(std::size_t flow, const ConnectionInterval& row) override {
    tell([&](wire::RunEvent& event) { wire::to_wire(row, *row_of(event, flow).mutable_connections()); });
  }
  void finished(std::size_t flow, const FlowResult& result) override {
    tell([&](wire::RunEvent& event) {
      event.mutable_finished()->set_flow(static_cast<std::uint32_t>(flow));
      wire::to_wire(result, *event.mutable_finished()->mutable_result());
    });
  }
  void warning(const std::string& text) override {
    tell([&](wire::RunEvent& event) { event.set_warning(text); });
  }

 private:
  template <class Fill>
  void tell(const Fill& fill) {
    wire::Message message;
    fill(*message.mutable_run_event());
    asio::post(channel_->executor(), [channel = channel_, message = std::move(message)] { channel->send(message); });
  }

  static wire::RunRow& row_of(wire::RunEvent& event, std::size_t flow) {
    event.mutable_row()->set_flow(static_cast<std::uint32_t>(flow));
    return *event.mutable_row();
  }

  std::shared_ptr<Channel> channel_;
};

RemoteSession::RemoteSession(asio::ip::tcp::socket socket, RemoteService& service)
    : channel_(Channel::create(std::move(socket), signalling::kMaxOpening)),
      service_(service),
      peer_(channel_->remote_text()),
      over_(channel_->executor(), Clock::time_point::max()),
      not_heard_(channel_->executor()) {}

asio::awaitable<void> RemoteSession::run() {
  const auto self = shared_from_this();
  try {
    co_await handshake();
    RunSpec spec = co_await request();
    co_await conduct(std::move(spec));
  } catch (const std::exception&) {
    // Whoever is no controller, or is refused, has been told so.
  }
  co_await farewell();
}

asio::awaitable<void> RemoteSession::handshake() {
  co_await channel_->expect_preamble(signalling::kHandshakeTime);
  const auto deadline = Clock::now() + signalling::kHandshakeTime;
  const wire::Message first = co_await channel_->receive(signalling::kHandshakeTime, false);
  if (!first.has_hello()) throw ChannelError("the first message is no Hello");
  const wire::Hello& hello = first.hello();
  const auto refuse_session = [this](const std::string& reason) {
    refuse(reason);
    return ChannelError(reason);
  };
  if (!signalling::for_runs(hello))
    throw refuse_session("this is a sender that waits for instructions, no receiver: paceline-send remote talks to it");
  if (hello.highest_version() < signalling::kLowestVersion || hello.lowest_version() > signalling::kHighestVersion)
    throw refuse_session("no common signalling version");

  wire::Message answer;
  wire::Welcome& welcome = *answer.mutable_welcome();
  welcome.set_version(std::min(hello.highest_version(), signalling::kHighestVersion));
  welcome.add_features(signalling::kRemoteFeature);
  const auto nonce = traffic::random_value<packet::Nonce>();
  welcome.set_nonce(std::string(nonce.begin(), nonce.end()));
  welcome.set_key_wanted(true);
  welcome.set_program_version(std::string(kVersion));
  channel_->send(answer);
  try {
    const auto keys = service_.keys.now();  // which may change meanwhile
    key_ = co_await signalling::demand_key(*channel_, *keys, deadline, [] { return std::string(); });
  } catch (const ChannelError& error) {
    const bool impostor = std::string_view(error.what()) == frame::kNotAuthentic;
    const std::string news = impostor ? service_.impostors.tell(peer_, Clock::now()) : "";
    if (!news.empty()) service_.observer.warning(news);
    throw;
  }
  channel_->set_max_message(signalling::kMaxResult);
  channel_->start_heartbeats();
}

asio::awaitable<RunSpec> RemoteSession::request() {
  const wire::Message message = co_await channel_->receive(signalling::kHandshakeTime, false);
  if (!message.has_run_request()) throw ChannelError("no request for a run");
  try {
    if (service_.runs >= service_.spec.max_runs)
      throw SetupError("it runs " + std::to_string(service_.runs) + " already, its limit (--max-runs)");
    co_return service_.grants.granted(wire::from_wire(message.run_request().spec()), *service_.keys.now());
  } catch (const std::exception& error) {
    refuse(error.what());
    service_.observer.warning("run " + peer_ + " (key " + key_ + ") refused: " + error.what());
    throw;
  }
}

asio::awaitable<void> RemoteSession::conduct(RunSpec spec) {
  const auto self = shared_from_this();
  channel_->set_outbox_limit(signalling::kMaxOutbox + spec.flows.size() * kOutboxPerFlow);
  service_.observer.run_started(peer_, key_, spec);
  ++service_.runs;
  running_ = true;
  asio::co_spawn(channel_->executor(), obey(), asio::detached);

  std::optional<Outcome> outcome;
  std::jthread thread([this, &spec, &outcome] {
    Outcome ended;
    News news(channel_);
    try {
      ended.result = paceline::run(spec, news, stop_.get_token());
    } catch (const UsageError& error) {
      ended.usage_error = error.what();
    } catch (const std::exception& error) {
      ended.setup_error = error.what();
    }
    asio::post(channel_->executor(), [this, &outcome, ended = std::move(ended)]() mutable {
      outcome = std::move(ended);
      over_.cancel();
    });
  });
  while (!outcome) {
    asio::error_code cancelled;
    co_await over_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  thread.join();
  running_ = false;
  --service_.runs;
  service_.observer.run_ended(peer_, !gone_.empty() ? "the controller is gone: " + gone_ : outcome->why());
  send_result(*outcome);
}

// What the controller says while its run goes on. A run that nobody hears of is ended.
asio::awaitable<void> RemoteSession::obey() {
  const auto self = shared_from_this();
  obeying_ = true;
  try {
    for (;;) {
      const wire::Message message = co_await channel_->receive(signalling::kSilenceLimit, true);
      if (!message.has_run_stop()) throw ChannelError("a message that a controller does not send");
      stop_.request_stop();
    }
  } catch (const std::exception& error) {
    gone_ = error.what();
  }
  stop_.request_stop();
  obeying_ = false;
  not_heard_.cancel();
}

void RemoteSession::send_result(const Outcome& outcome) {
  wire::Message last;
  wire::RunEnd& end = *last.mutable_run_end();
  if (!outcome.usage_error.empty()) {
    end.set_usage_error(outcome.usage_error);
  } else if (!outcome.setup_error.empty()) {
    end.set_setup_error(outcome.setup_error);
  } else {
    for (std::size_t i = 0; i < outcome.result.flows.size(); ++i) {
      wire::Message message;
      message.mutable_run_flow()->set_flow(static_cast<std::uint32_t>(i));
      wire::to_wire(outcome.result.flows[i], *message.mutable_run_flow()->mutable_result());
      channel_->send(message);
    }
    RunResult rest = outcome.result;
    rest.flows.clear();
    wire::to_wire(rest, *end.mutable_result());
  }
  channel_->send(last);
}

// The controller hangs up when it has read all; closing first could destroy it on the way.
asio::awaitable<void> RemoteSession::farewell() {
  co_await channel_->flush_and_shut_down(kResultTime);
  if (obeying_) {
    not_heard_.expires_after(kFarewell);
    asio::error_code cancelled;
    co_await not_heard_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  channel_->close();
}

void RemoteSession::refuse(const std::string& reason) {
  wire::Message message;
  message.mutable_refused()->set_reason(reason);
  channel_->send(message);
}

void RemoteSession::stop() {
  stop_.request_stop();
  if (!running_) channel_->close();
}

}  // namespace paceline::sender
