// SPDX-License-Identifier: MIT
#include "sender/session.h"

#include <algorithm>
#include <asio/connect.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "paceline/error.h"
#include "paceline/version.h"
#include "proto/convert.h"
#include "proto/packet.h"
#include "traffic/host.h"
#include "traffic/random.h"

namespace paceline::sender {

using asio::ip::tcp;
using signalling::Channel;
using signalling::ChannelError;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds kConnectLimit{3};  // for each address

std::string endpoint_text(const tcp::endpoint& endpoint) {
  return to_string(Endpoint{endpoint.address().to_string(), endpoint.port()});
}

bool wanted(const tcp::endpoint& endpoint, Family family) {
  return family == Family::any || endpoint.address().is_v6() == (family == Family::ipv6);
}

asio::awaitable<std::vector<tcp::endpoint>> resolve(asio::io_context& io, const Endpoint& receiver, Family family) {
  tcp::resolver resolver(io);
  asio::error_code error;
  const auto results = co_await resolver.async_resolve(receiver.host, std::to_string(receiver.port),
                                                       asio::redirect_error(asio::use_awaitable, error));
  if (error)
    throw SetupError("host '" + receiver.host + "' does not resolve: " + error.message() +
                     "; check the name, or give an address");
  std::vector<tcp::endpoint> endpoints;
  for (const auto& result : results) {
    if (wanted(result.endpoint(), family)) endpoints.push_back(result.endpoint());
  }
  if (endpoints.empty())
    throw SetupError("host '" + receiver.host + "' has no " + (family == Family::ipv4 ? "IPv4" : "IPv6") + " address");
  co_return endpoints;
}

}  // namespace

Session::~Session() { close(); }

asio::awaitable<void> Session::open(const Endpoint& receiver, Family family, const std::string& source) {
  if (!source.empty()) family = traffic::Address::parse(source, 0).is_v4() ? Family::ipv4 : Family::ipv6;
  const auto endpoints = co_await resolve(io_, receiver, family);
  std::string tried;
  for (const tcp::endpoint& endpoint : endpoints) {
    const std::string why = co_await connect(endpoint, source);
    if (why.empty()) {
      co_await handshake();
      co_return;
    }
    tried += "\n  " + endpoint_text(endpoint) + ": " + why;
  }
  throw SetupError("no signalling connection to " + to_string(receiver) + ":" + tried +
                   "\nIs the receiver running, and is this the port of its signalling channel (9000, or the NodePort "
                   "that maps to it)?");
}

asio::awaitable<std::string> Session::connect(const tcp::endpoint& endpoint, const std::string& source) {
  tcp::socket socket(io_);
  asio::error_code error;
  if (!source.empty()) {
    socket.open(endpoint.protocol(), error);
    if (!error) socket.bind({asio::ip::make_address(source), 0}, error);
    if (error) co_return "connecting from " + source + ": " + error.message();
  }
  asio::steady_timer limit(io_, kConnectLimit);
  bool late = false;
  limit.async_wait([&](const asio::error_code& cancelled) {
    if (cancelled) return;
    late = true;
    asio::error_code ignored;
    socket.close(ignored);
  });
  co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
  // Once cancelled in time the handler touches nothing here; had it been due already, it must run first.
  if (!late && limit.cancel() == 0) co_await asio::post(io_, asio::use_awaitable);
  if (late) co_return "no answer in 3 s";
  if (error) co_return error.message();
  channel_ = Channel::create(std::move(socket), signalling::kMaxResult);
  co_return "";
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
  channel_->send_preamble();
  channel_->send(message);
  wire::Message answer;
  try {
    answer = co_await channel_->receive(signalling::kHandshakeTime, false);
  } catch (const ChannelError& error) {
    throw SetupError("connected to " + address() + ", but no Paceline receiver answered there: " + error.what());
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
  if (welcome.key_wanted())
    throw SetupError("the receiver at " + address() + " wants a key, which this sender has not");
  receiver_host_ = wire::from_wire(welcome.host());
  const traffic::ClockIdentity theirs{welcome.clock().boot_id(), welcome.clock().time_namespace(),
                                      nanoseconds{welcome.clock().monotonic_offset()}};
  same_clock_ = clock.same_clock(theirs);
  channel_->start_heartbeats();
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
  const auto address = channel_->remote().address();
  std::string text = address.to_string();
  return traffic::Address::parse(text, port);
}

std::string Session::address() const { return endpoint_text(channel_->remote()); }

}  // namespace paceline::sender
