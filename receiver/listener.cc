// SPDX-License-Identifier: MIT
#include "receiver/listener.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "proto/packet.h"
#include "signalling/arrivals.h"
#include "signalling/channel.h"
#include "signalling/first_byte.h"

namespace paceline::receiver {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

namespace {

constexpr char kDrained[] = "the receiver was shut down";

}  // namespace

Listener::Listener(tcp::acceptor acceptor, Service& service, std::function<void()> over)
    : acceptor_(std::move(acceptor)), service_(service), over_(std::move(over)), idle_(acceptor_.get_executor()) {}

asio::awaitable<void> Listener::accept_forever() {
  signalling::Arrivals arrivals(acceptor_, [this](const std::string& trouble) { service_.observer.warning(trouble); });
  while (auto socket = co_await arrivals.next()) {
    try {
      open(std::move(*socket));
    } catch (const std::exception& failure) {  // out of memory, say: this sender is turned away, others go on
      service_.observer.warning("a connection was dropped: " + std::string(failure.what()));
    }
  }
}

asio::awaitable<void> Listener::stop_when_idle_for(nanoseconds time) {
  for (;;) {
    if (service_.sessions > 0) last_session_ = Clock::now();
    idle_.expires_at(last_session_ + time);
    asio::error_code cancelled;
    co_await idle_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (!acceptor_.is_open()) co_return;
    if (service_.sessions > 0 || Clock::now() < last_session_ + time) continue;
    stop("the receiver was idle");
    co_return;
  }
}

void Listener::drain() {
  if (stopped() || service_.draining) return;
  service_.draining = true;
  service_.observer.draining(service_.sessions, static_cast<std::uint32_t>(service_.flows.size()));
  for (Connection& connection : connections_) {
    if (connection.session && connection.session->welcomed()) connection.session->stop_when_done(kDrained);
  }
  if (!welcomed_any()) stop(kDrained);
}

bool Listener::welcomed_any() const {
  return std::ranges::any_of(connections_, [](const Connection& c) { return c.session && c.session->welcomed(); });
}

void Listener::stop(const std::string& why) {
  if (!acceptor_.is_open()) return;
  asio::error_code ignored;
  acceptor_.close(ignored);
  idle_.cancel();
  if (connections_.empty()) return over_();
  for (Connection& connection : connections_) {
    if (connection.session) {
      connection.session->stop(why);
    } else {
      connection.socket.close(ignored);
    }
  }
}

void Listener::open(tcp::socket socket) {
  make_room();
  const Entry entry = connections_.insert(connections_.end(), {std::move(socket), nullptr});
  asio::co_spawn(acceptor_.get_executor(), serve(entry), [this, entry](const std::exception_ptr&) { closed(entry); });
}

asio::awaitable<void> Listener::serve(Entry connection) {
  const auto byte = co_await signalling::first_byte(connection->socket, signalling::kHandshakeTime);
  if (!byte) co_return;
  if (*byte == packet::kMagic) {
    // A data connection that found no other way in.
    service_.door.adopt(traffic::FileDescriptor(connection->socket.release()));
    co_return;
  }
  co_await run_session(connection, Session::Opened::by_sender,
                       service_.credentials.tls.now() && *byte == signalling::kTlsHandshake);
}

asio::awaitable<bool> Listener::serve_dialled(tcp::socket socket) {
  if (!serves_new()) co_return false;
  const Entry entry = connections_.insert(connections_.end(), {std::move(socket), nullptr});
  std::exception_ptr failure;
  try {
    co_await run_session(entry, Session::Opened::by_us, false);
  } catch (...) {
    failure = std::current_exception();
  }
  const bool welcomed = entry->session && entry->session->welcomed();
  closed(entry);
  if (failure) std::rethrow_exception(failure);
  co_return welcomed;
}

asio::awaitable<void> Listener::run_session(Entry connection, Session::Opened opened, bool secured) {
  const auto channel = signalling::Channel::create(std::move(connection->socket), signalling::kMaxOpening);
  if (secured) channel->secure(service_.credentials.tls.now()->open(""));
  connection->session = std::make_shared<Session>(channel, service_, opened);
  co_await connection->session->run();
}

void Listener::closed(Entry connection) {
  const bool measured = connection->session && connection->session->had_flow();
  const bool served = connection->session && connection->session->welcomed() && !connection->session->follows();
  if (served) last_session_ = Clock::now();
  connections_.erase(connection);
  if (!acceptor_.is_open()) {
    if (connections_.empty()) over_();
  } else if (service_.draining) {
    if (!welcomed_any()) stop(kDrained);
  } else if (measured && service_.spec.one_off) {
    stop("the receiver was to serve one session (--one-off)");
  }
}

void Listener::make_room() {
  std::size_t unwelcomed = 0;
  for (const Connection& connection : connections_)
    unwelcomed += connection.session && connection.session->welcomed() ? 0u : 1u;
  if (unwelcomed < kMaxUnwelcomed) return;
  for (Connection& connection : connections_) {
    if (connection.session && connection.session->welcomed()) continue;
    asio::error_code ignored;
    if (connection.session) {
      connection.session->drop();
    } else {
      connection.socket.close(ignored);
    }
    return;
  }
}

}  // namespace paceline::receiver
