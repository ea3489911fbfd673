// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "paceline/result.h"
#include "paceline/sender.h"
#include "proto/signalling.pb.h"
#include "sender/inbox.h"
#include "signalling/channel.h"
#include "traffic/address.h"
#include "traffic/clock_exchange.h"

namespace paceline::sender {

/// The sender's side of one signalling session: connects, agrees on a version, hands each message to the flow that it
/// is for.
class Session {
 public:
  /// What a flow gets to read.
  using Messages = Inbox<wire::Message>;

  /// What the receiver must be, and what is proven to it.
  struct Security {
    std::optional<Key> key{};                         ///< which the receiver must prove to have, too
    std::shared_ptr<const signalling::TlsEnd> tls{};  ///< null: in the clear
  };

  Session(asio::io_context& io, Security security) : io_(io), security_(std::move(security)) {}
  ~Session();

  /// Connects to the first address of the receiver that answers and shakes hands. Throws SetupError that lists every
  /// address tried and what became of it. `source`: the numeric address to connect from; empty: the route's.
  asio::awaitable<void> open(const Endpoint& receiver, Family family, const std::string& source);

  /// Shakes hands over a connection that a receiver has dialled. Throws SetupError.
  asio::awaitable<void> take(asio::ip::tcp::socket dialled);

  /// Reads until the channel ends or close() is called; then failure() says why, and all inboxes are closed.
  asio::awaitable<void> read();

  void send(const wire::Message& message) { channel_->send(message); }

  /// Where messages go that answer OpenFlow `request`, or that are about a flow.
  void route_request(std::uint32_t request, Messages& inbox) { by_request_[request] = &inbox; }
  void route_flow(std::uint32_t flow_id, Messages& inbox) { by_flow_[flow_id] = &inbox; }

  /// Why the session ended; empty while it stands.
  const std::string& failure() const { return failure_; }

  void close();
  asio::awaitable<void> flush_and_close();

  traffic::Address receiver_address(std::uint16_t port) const;  // of the host that signalling reached
  traffic::Address receiver_address() const { return receiver_address(channel_->remote().port()); }
  traffic::Address local_address() const;  // of the signalling connection
  /// Whether records can be fetched from it.
  bool brings_records() const { return brings_records_; }
  const Host& receiver_host() const { return receiver_host_; }
  bool same_clock() const { return same_clock_; }
  std::chrono::nanoseconds round_trip() const { return round_trip_; }  // of the handshake
  std::string address() const;

 private:
  asio::awaitable<void> handshake();
  asio::awaitable<void> prove_key(bool wanted);
  void fail(const std::string& why);

  asio::io_context& io_;
  Security security_;
  std::shared_ptr<signalling::Channel> channel_;
  std::map<std::uint32_t, Messages*> by_request_;
  std::map<std::uint32_t, Messages*> by_flow_;
  std::string failure_;
  Host receiver_host_;
  bool brings_records_ = false;
  bool same_clock_ = false;
  std::chrono::nanoseconds round_trip_{0};
};

}  // namespace paceline::sender
