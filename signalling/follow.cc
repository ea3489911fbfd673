// SPDX-License-Identifier: MIT
#include "paceline/follow.h"

#include <sys/random.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <cstdio>
#include <exception>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "paceline/error.h"
#include "paceline/version.h"
#include "proto/convert.h"
#include "signalling/channel.h"
#include "signalling/connect.h"
#include "signalling/handshake.h"

namespace paceline::signalling {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kConnectAdvice =
    "Is the receiver running, and is this the port of its signalling channel (9000, or the NodePort that maps to it)?";
constexpr std::size_t kNonceSize = 16;

std::string hex(std::uint32_t flow_id) {
  char text[16];
  std::snprintf(text, sizeof text, "%08x", flow_id);
  return text;
}

std::string random_nonce() {
  std::string nonce(kNonceSize, '\0');
  if (getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size()))
    throw SetupError("the kernel gave no random bytes");
  return nonce;
}

void validate(const FollowSpec& spec) {
  if (spec.receiver.host.empty()) throw UsageError("no receiver: give its HOST[:PORT]");
  if (spec.receiver.port == 0) throw UsageError("the receiver's port is 0: it must be 1 to 65535");
  if (spec.flow_ids.size() > FollowSpec::kMaxFlowIds)
    throw UsageError(std::to_string(spec.flow_ids.size()) + " flows are named: at most " +
                     std::to_string(FollowSpec::kMaxFlowIds));
  if (spec.flows && *spec.flows == 0) throw UsageError("to end after 0 flows is to follow none: it must be 1 at least");
}

std::uint32_t id_of(const FlowResult& flow) {
  return std::visit([](const auto& result) { return result.flow_id; }, flow);
}

/// One subscription, from the connection to its end.
class Subscription {
 public:
  Subscription(asio::io_context& io, const FollowSpec& spec, FollowObserver& observer)
      : io_(io),
        spec_(spec),
        tls_(spec.tls ? tls_client(*spec.tls) : nullptr),
        observer_(observer),
        awaited_(spec.flow_ids.begin(), spec.flow_ids.end()) {}
  ~Subscription() {
    if (channel_) channel_->close();
  }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  /// Returns why the receiver ended it; empty if all has ended that was to be followed.
  asio::awaitable<std::string> follow() {
    co_await connect();
    co_await subscribe();
    std::string why;
    try {
      while (!done()) take(co_await channel_->receive(kSilenceLimit, true));
    } catch (const std::exception& error) {
      why = "the receiver is gone: " + std::string(error.what());
    }
    if (!refused_.empty()) why = "the receiver ended it: " + refused_;
    channel_->close();
    co_return why;
  }

 private:
  asio::awaitable<void> connect() {
    channel_ = Channel::create(co_await signalling::connect(io_, spec_.receiver, spec_.family, "", kConnectAdvice),
                               kMaxOpening);
    if (tls_) channel_->secure(tls_->open(spec_.receiver.host));
    address_ = channel_->remote_text();
    channel_->send_preamble();
    wire::Message message;
    wire::Hello& hello = *message.mutable_hello();
    hello.set_lowest_version(kLowestVersion);
    hello.set_highest_version(kHighestVersion);
    hello.add_features(kFollowFeature);
    hello.set_nonce(random_nonce());
    hello.set_program_version(std::string(kVersion));
    channel_->send(message);
    const wire::Message answer = co_await answer_to("Hello");
    if (!answer.has_welcome()) throw SetupError(address_ + " answered with an unexpected message");
    if (!has_feature(answer.welcome(), kFollowFeature))
      throw SetupError("the receiver at " + address_ + " (version " + wire::text(answer.welcome().program_version()) +
                       ") serves no followers");
    co_await prove_key(answer.welcome().key_wanted());
    channel_->set_max_message(kMaxResult);
    channel_->start_heartbeats();
    observer_.connected(address_, wire::from_wire(answer.welcome().host()),
                        wire::text(answer.welcome().program_version()));
  }

  asio::awaitable<void> prove_key(bool wanted) {
    if (!wanted && !spec_.key) co_return;
    if (!spec_.key)
      throw SetupError("the receiver at " + address_ + " wants a key: give the file that has it with --key-file");
    if (!wanted)
      throw SetupError("the receiver at " + address_ + " has no keys, and it is to be authenticated by key '" +
                       spec_.key->name + "': start the receiver with --key-file, or leave it out here");
    try {
      co_await signalling::prove_key(*channel_, *spec_.key, Clock::now() + kHandshakeTime);
    } catch (const ChannelError& error) {
      throw SetupError(
          "the receiver at " + address_ + " is not followed by key '" + spec_.key->name + "': " + error.what() +
          (std::string_view(error.what()) == frame::kNotAuthentic ? "; is it the same in both key files?" : ""));
    }
  }

  asio::awaitable<void> subscribe() {
    wire::Message message;
    message.mutable_subscribe();
    for (const std::uint32_t id : awaited_) message.mutable_subscribe()->add_flow_ids(id);
    channel_->send(message);
    const wire::Message answer = co_await answer_to("Subscribe");
    if (!answer.has_following()) throw SetupError(address_ + " answered with an unexpected message");
    observer_.following(answer.following().flows());
  }

  asio::awaitable<wire::Message> answer_to(const char* request) {
    try {
      wire::Message answer = co_await channel_->receive(kHandshakeTime, false);
      if (!answer.has_refused()) co_return answer;
      const wire::Refused& refused = answer.refused();
      throw SetupError("the receiver at " + address_ + " refused" +
                       (refused.flow_id() != 0 ? " flow " + hex(refused.flow_id()) : "") + ": " +
                       wire::text(refused.reason()));
    } catch (const ChannelError& error) {
      throw SetupError("connected to " + address_ + ", but no Paceline receiver answered to " + request + ": " +
                       error.what());
    }
  }

  void take(const wire::Message& message) {
    switch (message.body_case()) {
      case wire::Message::kFlowNews: return take(message.flow_news());
      case wire::Message::kInterval: return take(message.interval());
      case wire::Message::kRefused:
        refused_ = wire::text(message.refused().reason());
        if (refused_.empty()) refused_ = "for no reason";
        return;
      default: throw ChannelError("it sent a message that is not for followers");
    }
  }

  void take(const wire::FlowNews& news) {
    const FlowResult flow = wire::from_wire(news.result());
    const std::uint32_t id = id_of(flow);
    if (!news.ended()) {
      if (!running_.emplace(id, flow.index()).second) throw ChannelError("it told twice of one flow's start");
      return observer_.started(flow);
    }
    const auto found = running_.find(id);
    if (found == running_.end() || found->second != flow.index())
      throw ChannelError("it told of the end of a flow that does not run");
    running_.erase(found);
    ++ended_;
    awaited_.erase(id);
    if (const std::string why = wire::text(news.why_unknown()); !why.empty()) return observer_.gone(id, why);
    observer_.finished(flow);
  }

  void take(const wire::IntervalReport& report) {
    const auto found = running_.find(report.flow_id());
    const std::size_t kind = report.has_interval() ? 0 : 1;  // of FlowSpec
    if (found == running_.end() || found->second != kind || (kind == 1 && !report.has_tcp()))
      throw ChannelError("it told of a row of a flow that has no such rows");
    if (report.has_interval()) return observer_.interval(report.flow_id(), wire::from_wire(report.interval()));
    observer_.interval(report.flow_id(), wire::from_wire(report.tcp()));
  }

  bool done() const {
    if (!refused_.empty()) return true;
    if (!spec_.flow_ids.empty() && awaited_.empty()) return true;
    if (spec_.flows && ended_ >= *spec_.flows) return true;
    return spec_.until_idle && ended_ > 0 && running_.empty();
  }

  asio::io_context& io_;
  const FollowSpec& spec_;
  std::shared_ptr<const TlsEnd> tls_;  // null: in the clear
  FollowObserver& observer_;
  std::shared_ptr<Channel> channel_;
  std::string address_;
  std::set<std::uint32_t> awaited_;               // of spec_.flow_ids, which have not ended
  std::map<std::uint32_t, std::size_t> running_;  // and of which kind it is
  std::uint64_t ended_ = 0;
  std::string refused_;
};

std::string follow_until_done(const FollowSpec& spec, FollowObserver& observer, const std::stop_token& stop) {
  validate(spec);
  asio::io_context io(1);
  Subscription subscription(io, spec, observer);
  std::string why;
  std::exception_ptr failure;
  asio::co_spawn(io, subscription.follow(), [&](const std::exception_ptr& error, std::string ended) {
    failure = error;
    why = std::move(ended);
    io.stop();
  });
  const std::stop_callback on_stop(stop, [&] { io.stop(); });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return why;
}

}  // namespace

}  // namespace paceline::signalling

namespace paceline {

std::string follow(const FollowSpec& spec, FollowObserver& observer, std::stop_token stop) {
  return signalling::follow_until_done(spec, observer, stop);
}

}  // namespace paceline
