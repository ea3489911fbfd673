// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "paceline/remote.h"
#include "sender/remote_grants.h"
#include "signalling/channel.h"
#include "signalling/impostors.h"
#include "signalling/key_ring.h"

namespace paceline::sender {

/// What the sessions of a waiting sender share; outlives them. Used on its thread alone.
struct RemoteService {
  const RemoteSpec& spec;
  RemoteObserver& observer;
  const RemoteGrants& grants;
  signalling::KeyRing& keys;
  signalling::Impostors impostors;
  std::uint32_t runs = 0;  // under way
};

/// One controller's connection: proves a key, asks for one run, is told of it, and gets its result.
class RemoteSession : public std::enable_shared_from_this<RemoteSession> {
 public:
  RemoteSession(asio::ip::tcp::socket socket, RemoteService& service);

  /// Until the result is there and read, the controller is gone, or it was refused.
  asio::awaitable<void> run();

  /// Whether the controller has proven a key.
  bool authenticated() const { return !key_.empty(); }
  /// Ends the run early, its result is still sent; the session, if there is no run.
  void stop();
  /// Hangs up at once.
  void drop() { channel_->close(); }

 private:
  struct Outcome;
  class News;

  asio::awaitable<void> handshake();
  asio::awaitable<RunSpec> request();
  asio::awaitable<void> conduct(RunSpec spec);
  asio::awaitable<void> obey();
  asio::awaitable<void> farewell();
  void send_result(const Outcome& outcome);
  void refuse(const std::string& reason);

  std::shared_ptr<signalling::Channel> channel_;
  RemoteService& service_;
  std::string peer_;
  std::string key_;  // by which the controller is known
  std::stop_source stop_;
  bool running_ = false;
  bool obeying_ = false;
  std::string gone_;              // why the controller is
  asio::steady_timer over_;       // cancelled when the run is
  asio::steady_timer not_heard_;  // cancelled when nothing more is heard from the controller
};

}  // namespace paceline::sender
