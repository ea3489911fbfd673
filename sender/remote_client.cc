// SPDX-License-Identifier: MIT
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "paceline/error.h"
#include "paceline/remote.h"
#include "paceline/version.h"
#include "proto/convert.h"
#include "proto/convert_remote.h"
#include "proto/packet.h"
#include "signalling/channel.h"
#include "signalling/connect.h"
#include "signalling/handshake.h"
#include "traffic/random.h"

namespace paceline::sender {

namespace {

using signalling::Channel;
using signalling::ChannelError;
using Clock = std::chrono::steady_clock;

constexpr const char* kConnectAdvice = "Is paceline-send serve running there, and is this its port (8998)?";

/// One run on another machine, from here.
class RemoteRun {
 public:
  RemoteRun(asio::io_context& io, const RunSpec& spec, RunObserver& observer)
      : io_(io), spec_(spec), observer_(observer), flows_(spec.flows.size()) {}

  asio::awaitable<RunResult> conduct(const Endpoint& sender, const Key& key) {
    name_ = to_string(sender);
    channel_ = Channel::create(co_await signalling::connect(io_, sender, Family::any, "", kConnectAdvice),
                               signalling::kMaxOpening);
    try {
      co_await handshake(key);
      request();
      for (;;) {
        const wire::Message message = co_await channel_->receive(signalling::kSilenceLimit, true);
        if (auto result = take(message)) {
          co_await channel_->flush_and_close(std::chrono::seconds(2));
          co_return std::move(*result);
        }
      }
    } catch (const ChannelError& error) {
      channel_->close();
      throw SetupError((running_ ? "the connection to the sender at " + name_ + " ended, and the run there with it: "
                                 : "no run by the sender at " + name_ + ": ") +
                       error.what());
    } catch (const wire::WireError& error) {
      channel_->close();
      throw SetupError("the sender at " + name_ + " sent what cannot be right: " + error.what());
    }
  }

  /// Asks for an early end. False when nothing runs there yet.
  bool stop() {
    if (!running_) return false;
    wire::Message message;
    message.mutable_run_stop();
    channel_->send(message);
    return true;
  }

  void hang_up() {
    if (channel_) channel_->close();
  }

 private:
  asio::awaitable<void> handshake(const Key& key) {
    const auto deadline = Clock::now() + signalling::kHandshakeTime;
    wire::Message message;
    wire::Hello& hello = *message.mutable_hello();
    hello.set_lowest_version(signalling::kLowestVersion);
    hello.set_highest_version(signalling::kHighestVersion);
    hello.add_features(signalling::kRemoteFeature);
    const auto nonce = traffic::random_value<packet::Nonce>();
    hello.set_nonce(std::string(nonce.begin(), nonce.end()));
    hello.set_program_version(std::string(kVersion));
    channel_->send_preamble();
    channel_->send(message);

    const wire::Message answer = co_await channel_->receive(signalling::kHandshakeTime, false);
    if (answer.has_refused()) throw ChannelError(wire::text(answer.refused().reason()));
    if (!answer.has_welcome() || !signalling::for_runs(answer.welcome()))
      throw ChannelError("that is no sender that waits for instructions");
    if (answer.welcome().version() < signalling::kLowestVersion ||
        answer.welcome().version() > signalling::kHighestVersion)
      throw ChannelError("it chose signalling version " + std::to_string(answer.welcome().version()));
    if (!answer.welcome().key_wanted()) throw ChannelError("it wants no key, as nobody does who is to be trusted");
    try {
      co_await signalling::prove_key(*channel_, key, deadline);
    } catch (const ChannelError& error) {
      if (std::string_view(error.what()) != frame::kNotAuthentic) throw;
      throw ChannelError(std::string(error.what()) + " by key '" + key.name + "'; is it the same in both key files?");
    }
    channel_->set_max_message(signalling::kMaxResult);
    channel_->start_heartbeats();
  }

  void request() {
    wire::Message message;
    wire::to_wire(spec_, *message.mutable_run_request()->mutable_spec());
    if (message.ByteSizeLong() > signalling::kMaxResult) throw UsageError("the run is too large to be sent: 4 MiB");
    channel_->send(message);
    running_ = true;
  }

  /// The result, when it is whole. Throws ChannelError, WireError, and what the run ended with there.
  std::optional<RunResult> take(const wire::Message& message) {
    switch (message.body_case()) {
      case wire::Message::kRunEvent: tell(message.run_event()); return std::nullopt;
      case wire::Message::kRunFlow:
        flows_[index_of(message.run_flow().flow())] = message.run_flow().result();
        return std::nullopt;
      case wire::Message::kRunEnd: return result_of(message.run_end());
      case wire::Message::kRefused: running_ = false; throw ChannelError(wire::text(message.refused().reason()));
      default: throw ChannelError("it sent a message that such a sender does not send");
    }
  }

  void tell(const wire::RunEvent& event) {
    switch (event.event_case()) {
      case wire::RunEvent::kConnected: return observer_.connected(wire::text(event.connected()));
      case wire::RunEvent::kPath:
        return observer_.path_confirmed(index_of(event.path().flow()), wire::from_wire(event.path().path()),
                                        wire::from_wire(event.path().stamping()));
      case wire::RunEvent::kRow: return tell(event.row());
      case wire::RunEvent::kFinished: {
        const std::size_t flow = index_of(event.finished().flow());
        return observer_.finished(flow, of_kind(flow, wire::from_wire(event.finished().result())));
      }
      case wire::RunEvent::kWaiting:
        if (event.waiting() > UINT16_MAX) throw ChannelError("it waits at a port that there is not");
        return observer_.waiting(static_cast<std::uint16_t>(event.waiting()));
      case wire::RunEvent::kWarning: return observer_.warning(wire::text(event.warning()));
      case wire::RunEvent::EVENT_NOT_SET: return;  // of a later version
    }
  }

  void tell(const wire::RunRow& row) {
    const std::size_t flow = index_of(row.flow());
    const FlowSpec& spec = spec_.flows[flow];
    if (row.has_packets() && std::holds_alternative<PacketFlowSpec>(spec)) {
      observer_.interval(flow, wire::from_wire(row.packets()));
    } else if (row.has_tcp() && std::holds_alternative<TcpFlowSpec>(spec)) {
      observer_.interval(flow, wire::from_wire(row.tcp()));
    } else if (row.has_connections() && std::holds_alternative<ConnectionFlowSpec>(spec)) {
      observer_.interval(flow, wire::from_wire(row.connections()));
    } else {
      throw ChannelError("it sent a row of another kind than its flow");
    }
  }

  RunResult result_of(const wire::RunEnd& end) {
    running_ = false;
    switch (end.outcome_case()) {
      case wire::RunEnd::kResult: break;
      case wire::RunEnd::kUsageError: throw UsageError(wire::text(end.usage_error()));
      case wire::RunEnd::kSetupError: throw SetupError(wire::text(end.setup_error()));
      case wire::RunEnd::OUTCOME_NOT_SET: throw ChannelError("it sent an end of an unknown kind");
    }
    wire::RunResult whole = end.result();
    whole.clear_flows();
    for (wire::FlowResult& flow : flows_) *whole.add_flows() = std::move(flow);
    RunResult result = wire::from_wire(whole);
    for (std::size_t flow = 0; flow < result.flows.size(); ++flow) of_kind(flow, result.flows[flow]);
    return result;
  }

  std::size_t index_of(std::uint32_t flow) const {
    if (flow >= flows_.size()) throw ChannelError("it told of a flow that the run does not have");
    return flow;
  }

  /// The result, when it is one of such a flow.
  const FlowResult& of_kind(std::size_t flow, const FlowResult& result) const {
    if (result.index() != spec_.flows[flow].index())
      throw ChannelError("it sent a result of another kind than its flow");
    return result;
  }

  asio::io_context& io_;
  const RunSpec& spec_;
  RunObserver& observer_;
  std::vector<wire::FlowResult> flows_;  // as they come, ahead of the rest of the result
  std::string name_;
  std::shared_ptr<Channel> channel_;
  bool running_ = false;
};

}  // namespace

}  // namespace paceline::sender

namespace paceline {

RunResult run_remotely(const Endpoint& sender, const Key& key, const RunSpec& spec, RunObserver& observer,
                       std::stop_token stop) {
  if (!spec.record.empty())
    throw UsageError("records are brought to where a run is made, which is another machine here: leave out --record");
  if (spec.tls) throw UsageError("a run that another machine makes has no TLS towards its receiver: keys it can have");
  asio::io_context io(1);
  sender::RemoteRun run(io, spec, observer);
  RunResult result;
  std::exception_ptr failure;
  bool over = false;
  asio::co_spawn(io, run.conduct(sender, key), [&](const std::exception_ptr& error, RunResult measured) {
    failure = error;
    result = std::move(measured);
    over = true;
    run.hang_up();
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

}  // namespace paceline
