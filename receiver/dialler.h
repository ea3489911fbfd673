// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "paceline/endpoint.h"
#include "receiver/listener.h"
#include "receiver/service.h"

namespace paceline::receiver {

/// Passive mode: opens the signalling connection to a sender that waits for it, again and again.
class Dialler {
 public:
  /// Between attempts; doubled while nobody answers, from the first again after a session.
  static constexpr std::chrono::seconds kFirstPause{1}, kLongestPause{30};

  Dialler(asio::io_context& io, Endpoint sender, Listener& listener, Service& service);

  /// Until the listener is stopped. Throws what an observer throws.
  asio::awaitable<void> dial_forever();

 private:
  asio::awaitable<std::optional<asio::ip::tcp::socket>> connect();
  void tell_why_not();

  asio::io_context& io_;
  Endpoint sender_;
  Listener& listener_;
  Service& service_;
  std::string why_not_;  // of the last attempt
  std::string told_;     // to the observer since the last session
};

}  // namespace paceline::receiver
