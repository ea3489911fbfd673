// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "receiver/service.h"
#include "receiver/session.h"

namespace paceline::receiver {

/// Takes the connections of the signalling port: gives those that begin with a packet to the door, and each other one a
/// session; and those that were dialled.
class Listener {
 public:
  /// Connections that have not shaken hands; the oldest makes room for one more.
  static constexpr std::size_t kMaxUnwelcomed = 256;

  /// `over` is called once: all sessions have ended, and no more come.
  Listener(asio::ip::tcp::acceptor acceptor, Service& service, std::function<void()> over);

  /// Until stop(). Throws what an observer throws.
  asio::awaitable<void> accept_forever();

  /// Serves a sender over a connection that was dialled, until it is over. Whether it shook hands.
  asio::awaitable<bool> serve_dialled(asio::ip::tcp::socket socket);
  bool stopped() const { return !acceptor_.is_open(); }
  bool serves_new() const { return !stopped() && !service_.draining; }

  /// Stops when there was no session for so long. Until stop().
  asio::awaitable<void> stop_when_idle_for(nanoseconds time);

  /// Serves nobody new; stops as soon as the sessions that are there are done. `over` is called then, too.
  void drain();

  /// Ends every session with partial summaries.
  void stop(const std::string& why);

 private:
  struct Connection {
    asio::ip::tcp::socket socket;  // until its first byte has come
    std::shared_ptr<Session> session;
  };
  using Entry = std::list<Connection>::iterator;

  void open(asio::ip::tcp::socket socket);
  asio::awaitable<void> run_session(Entry connection, Session::Opened opened, bool secured);
  asio::awaitable<void> serve(Entry connection);
  void closed(Entry connection);
  void make_room();
  bool welcomed_any() const;

  asio::ip::tcp::acceptor acceptor_;
  Service& service_;
  std::function<void()> over_;
  std::list<Connection> connections_;
  asio::steady_timer idle_;
  std::chrono::steady_clock::time_point last_session_ = std::chrono::steady_clock::now();
};

}  // namespace paceline::receiver
