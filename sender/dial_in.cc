// SPDX-License-Identifier: MIT
#include "sender/dial_in.h"

#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <utility>

#include "paceline/error.h"
#include "signalling/arrivals.h"
#include "signalling/channel.h"
#include "signalling/first_byte.h"
#include "signalling/listen.h"

namespace paceline::sender {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

namespace {

std::string seconds_text(nanoseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", std::chrono::duration<double>(time).count());
  return text;
}

}  // namespace

DialIn::DialIn(asio::io_context& io, const RunSpec& run, Session::Security security)
    : security_(std::move(security)),
      acceptor_(signalling::listen(io, {.what = "waiting for a receiver at",
                                        .bind = run.source,
                                        .port = *run.listen,
                                        .family = run.family,
                                        .advice = "choose another port with --listen"})),
      port_(acceptor_.local_endpoint().port()),
      news_(io),
      new_flow_(io, Clock::time_point::max()) {
  asio::co_spawn(io, accept_forever(), asio::detached);
}

asio::awaitable<std::unique_ptr<Session>> DialIn::session(nanoseconds limit) {
  const auto end = Clock::now() + limit;
  while (!winner_ && Clock::now() < end) {
    news_.expires_at(end);
    asio::error_code cancelled;
    co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  if (winner_) co_return std::move(winner_);
  won_ = true;  // whoever shakes hands now is too late
  throw SetupError("no receiver dialled in on port " + std::to_string(port_) + "/tcp in " + seconds_text(limit) +
                   (last_failure_.empty() ? "" : "; the last that tried: " + last_failure_) +
                   "\nOn the other side run: paceline-recv --dial THIS_HOST:" + std::to_string(port_) +
                   "\nIs this host's port " + std::to_string(port_) + " open for it?");
}

void DialIn::expect(std::uint32_t flow_id, const packet::Secret& secret, std::weak_ptr<KnockedConnections> into) {
  expected_[flow_id] = {secret, std::move(into)};
  new_flow_.cancel();
}

asio::awaitable<void> DialIn::accept_forever() {
  signalling::Arrivals arrivals(acceptor_, [this](const std::string& trouble) { last_failure_ = trouble; });
  while (auto socket = co_await arrivals.next()) {
    make_room();
    const Entry guest =
        guests_.insert(guests_.end(), {std::make_shared<tcp::socket>(std::move(*socket)), std::unique_ptr<Session>()});
    asio::co_spawn(acceptor_.get_executor(), greet(guest),
                   [this, guest](const std::exception_ptr&) { guests_.erase(guest); });
  }
}

asio::awaitable<void> DialIn::greet(Entry guest) {
  const auto socket = guest->socket;
  const auto byte = co_await signalling::first_byte(*socket, signalling::kHandshakeTime);
  if (!byte) co_return;
  if (*byte == packet::kMagic) {
    co_await read_knock(socket);
  } else if (!won_) {
    co_await shake_hands(guest);
  }
}

asio::awaitable<void> DialIn::read_knock(std::shared_ptr<tcp::socket> socket) {
  const auto end = Clock::now() + signalling::kHandshakeTime;
  asio::steady_timer deadline(socket->get_executor(), end);
  const auto over = std::make_shared<bool>(false);
  deadline.async_wait([this, socket, over](const asio::error_code& cancelled) {
    asio::error_code ignored;
    if (cancelled || *over) return;
    socket->close(ignored);
    new_flow_.cancel();
  });
  std::array<std::uint8_t, packet::kProbeSize> bytes{};
  asio::error_code error;
  co_await asio::async_read(*socket, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
  const auto knock = error ? std::nullopt : packet::decode_knock(bytes);
  // A knock may overtake the offer of its flow, which comes over another connection.
  while (knock && !expected_.contains(knock->flow_id) && socket->is_open())
    co_await new_flow_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  *over = true;
  if (!knock || !socket->is_open()) co_return;
  const Expected& flow = expected_.at(knock->flow_id);
  const auto into = flow.into.lock();
  if (into && packet::equal(knock->secret, flow.secret)) into->put(std::move(*socket));
}

asio::awaitable<void> DialIn::shake_hands(Entry guest) {
  guest->session =
      std::make_unique<Session>(static_cast<asio::io_context&>(acceptor_.get_executor().context()), security_);
  try {
    co_await guest->session->take(std::move(*guest->socket));
  } catch (const SetupError& error) {
    last_failure_ = error.what();
    co_return;
  }
  if (std::exchange(won_, true)) co_return;
  winner_ = std::move(guest->session);
  news_.cancel();
}

void DialIn::make_room() {
  if (guests_.size() < kMostStrangers) return;
  Guest& oldest = guests_.front();
  asio::error_code ignored;
  if (oldest.session) {
    oldest.session->close();
  } else {
    oldest.socket->close(ignored);
  }
}

}  // namespace paceline::sender
