// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "paceline/clock.h"
#include "paceline/sender.h"
#include "proto/packet.h"
#include "sender/knocked_connections.h"
#include "sender/session.h"

namespace paceline::sender {

/// Where a passive run waits: for a receiver that opens the signalling connection, and then for the flows' data
/// connections, each of which begins with a knock. Strangers are hung up on, and end no wait.
class DialIn {
 public:
  /// Connections of which it is not known yet what they are; the oldest makes room for one more.
  static constexpr std::size_t kMostStrangers = 64;

  /// Listens from now on, as the run says. Throws SetupError. Precondition: it has RunSpec::listen.
  DialIn(asio::io_context& io, const RunSpec& run, Session::Security security);

  /// The session with the first receiver that has shaken hands. Throws SetupError when none has in time.
  asio::awaitable<std::unique_ptr<Session>> session(nanoseconds limit);

  /// Puts the connections there on which somebody knocks for the flow, and shows its secret; for as long as `into`
  /// lives.
  void expect(std::uint32_t flow_id, const packet::Secret& secret, std::weak_ptr<KnockedConnections> into);
  std::uint16_t port() const { return port_; }

 private:
  struct Guest {
    std::shared_ptr<asio::ip::tcp::socket> socket;  // until it is known what it is
    std::unique_ptr<Session> session;
  };
  using Entry = std::list<Guest>::iterator;
  struct Expected {
    packet::Secret secret{};
    std::weak_ptr<KnockedConnections> into;
  };

  asio::awaitable<void> accept_forever();
  asio::awaitable<void> greet(Entry guest);
  asio::awaitable<void> read_knock(std::shared_ptr<asio::ip::tcp::socket> socket);
  asio::awaitable<void> shake_hands(Entry guest);
  void make_room();

  Session::Security security_;
  asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::list<Guest> guests_;
  std::map<std::uint32_t, Expected> expected_;
  std::unique_ptr<Session> winner_;
  bool won_ = false;
  std::string last_failure_;     // of somebody who dialled in
  asio::steady_timer news_;      // cancelled when there is a winner
  asio::steady_timer new_flow_;  // never due; cancelled when one more is expected
};

}  // namespace paceline::sender
