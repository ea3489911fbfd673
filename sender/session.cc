// SPDX-License-Identifier: MIT
#include "sender/session.h"

#include "paceline/error.h"
#include "paceline/version.h"
#include "proto/convert.h"
#include "proto/packet.h"
#include "signalling/connect.h"
#include "signalling/handshake.h"
#include "traffic/host.h"
#include "traffic/random.h"

namespace paceline::sender {

using asio::ip::tcp;
using signalling::Channel;
using signalling::ChannelError;
using Clock = std::chrono::steady_clock;

namespace {

constexpr const char* kConnectAdvice =
    "Is the receiver running, and is this the port of its signalling channel (9000, or the NodePort that maps to it)?";

traffic::Address address_of(const tcp::endpoint& endpoint) {
  return traffic::Address::parse(endpoint.address().to_string(), endpoint.port());
}

}  // namespace

Session::~Session() { close(); }

asio::awaitable<void> Session::open(const Endpoint& receiver, Family family, const std::string& source) {
  channel_ = Channel::create(co_await signalling::connect(io_, receiver, family, source, kConnectAdvice),
                             signalling::kMaxOpening);
  if (security_.tls) channel_->secure(security_.tls->open(receiver.host));
  channel_->send_preamble();
  co_await handshake();
}

asio::awaitable<void> Session::take(tcp::socket dialled) {
  channel_ = Channel::create(std::move(dialled), signalling::kMaxOpening);
  try {
    co_await channel_->expect_preamble(signalling::kHandshakeTime);
    if (security_.tls) channel_->secure(security_.tls->open(""));
  } catch (const ChannelError& error) {
    throw SetupError(address() + " is no Paceline receiver: " + error.what());
  }
  co_await handshake();
}

asio::awaitable<void> Session::handshake() {
  const traffic::ClockIdentity clock = traffic::read_clock_identity();
  wire::Message message;
  wire::Hello& hello = *message.mutable_hello();
  hello.set_lowest_version(signalling::kLowestVersion);
  hello.set_highest_version(signalling::kHighestVersion);
  const auto nonce = traffic::random_value<packet::Nonce>();
  hello.set_nonce(std::string(nonce.begin(), nonce.end()));
  hello.mutable_clock()->set_boot_id(clock.boot_id);
  hello.mutable_clock()->set_time_namespace(clock.time_namespace);
  hello.mutable_clock()->set_monotonic_offset(clock.monotonic_offset.count());
  wire::to_wire(traffic::this_host(), *hello.mutable_host());
  hello.set_program_version(std::string(kVersion));

  const auto asked = Clock::now();
  channel_->send(message);
  wire::Message answer;
  try {
    answer = co_await channel_->receive(signalling::kHandshakeTime, false);
  } catch (const ChannelError& error) {
    throw SetupError("connected to " + address() + ", but no Paceline receiver answered there: " + error.what() +
                     (security_.tls && channel_->ended_by_peer()
                          ? "; does it speak TLS (paceline-recv --tls-certificate, --tls-key)?"
                          : ""));
  }
  round_trip_ = Clock::now() - asked;
  if (answer.has_refused())
    throw SetupError("the receiver at " + address() + " refused: " + wire::text(answer.refused().reason()));
  if (!answer.has_welcome()) throw SetupError("the receiver at " + address() + " answered with an unexpected message");
  const wire::Welcome& welcome = answer.welcome();
  if (welcome.version() < signalling::kLowestVersion || welcome.version() > signalling::kHighestVersion)
    throw SetupError("the receiver at " + address() + " chose signalling version " + std::to_string(welcome.version()) +
                     ", this sender speaks " + std::to_string(signalling::kLowestVersion) + " to " +
                     std::to_string(signalling::kHighestVersion));
  co_await prove_key(welcome.key_wanted());
  channel_->set_max_message(signalling::kMaxResult);
  receiver_host_ = wire::from_wire(welcome.host());
  brings_records_ = signalling::has_feature(welcome, signalling::kRecordFeature);
  const traffic::ClockIdentity theirs{welcome.clock().boot_id(), welcome.clock().time_namespace(),
                                      nanoseconds{welcome.clock().monotonic_offset()}};
  same_clock_ = clock.same_clock(theirs);
  channel_->start_heartbeats();
}

asio::awaitable<void> Session::prove_key(bool wanted) {
  if (!wanted && !security_.key) co_return;
  if (!security_.key)
    throw SetupError("the receiver at " + address() + " wants a key: give the file that has it with --key-file");
  if (!wanted)
    throw SetupError("the receiver at " + address() + " has no keys, and this run is to be authenticated by key '" +
                     security_.key->name + "': start the receiver with --key-file, or leave it out here");
  try {
    co_await signalling::prove_key(*channel_, *security_.key, Clock::now() + signalling::kHandshakeTime);
  } catch (const ChannelError& error) {
    throw SetupError(
        "no session with the receiver at " + address() + " by key '" + security_.key->name + "': " + error.what() +
        (std::string_view(error.what()) == frame::kNotAuthentic ? "; is it the same in both key files?" : ""));
  }
}

asio::awaitable<void> Session::read() {
  try {
    for (;;) {
      const wire::Message message = co_await channel_->receive(signalling::kSilenceLimit, true);
      const auto deliver = [&](const std::map<std::uint32_t, Messages*>& routes, std::uint32_t key) {
        const auto found = routes.find(key);
        if (found == routes.end()) return;
        if (!found->second->put(message)) throw ChannelError("the receiver sends more than can be read");
      };
      switch (message.body_case()) {
        case wire::Message::kFlowOffer: deliver(by_request_, message.flow_offer().request()); break;
        case wire::Message::kPathConfirmed: deliver(by_flow_, message.path_confirmed().flow_id()); break;
        case wire::Message::kFlowStarted: deliver(by_flow_, message.flow_started().flow_id()); break;
        case wire::Message::kInterval: deliver(by_flow_, message.interval().flow_id()); break;
        case wire::Message::kFlowSummary: deliver(by_flow_, message.flow_summary().flow_id()); break;
        case wire::Message::kRecordPart: deliver(by_flow_, message.record_part().flow_id()); break;
        case wire::Message::kRefused:
          if (message.refused().flow_id() != 0) {
            deliver(by_flow_, message.refused().flow_id());
          } else if (message.refused().request() != 0) {
            deliver(by_request_, message.refused().request());
          } else {
            throw ChannelError("the receiver refused: " + wire::text(message.refused().reason()));
          }
          break;
        default: throw ChannelError("the receiver sent a message that a receiver does not send");
      }
    }
  } catch (const std::exception& error) {
    fail(std::string("the signalling connection ended: ") + error.what());
  }
}

void Session::fail(const std::string& why) {
  if (failure_.empty()) failure_ = why;
  for (const auto& [request, inbox] : by_request_) inbox->close();
  for (const auto& [id, inbox] : by_flow_) inbox->close();
}

void Session::close() {
  if (channel_) channel_->close();
}

asio::awaitable<void> Session::flush_and_close() { co_await channel_->flush_and_close(std::chrono::seconds(2)); }

traffic::Address Session::receiver_address(std::uint16_t port) const {
  return traffic::Address::parse(channel_->remote().address().to_string(), port);
}

traffic::Address Session::local_address() const { return address_of(channel_->local()); }

std::string Session::address() const { return channel_->remote_text(); }

}  // namespace paceline::sender
