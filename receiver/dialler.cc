// SPDX-License-Identifier: MIT
#include "receiver/dialler.h"

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <memory>
#include <utility>

namespace paceline::receiver {

using asio::ip::tcp;

namespace {

constexpr std::chrono::seconds kConnectLimit{3};  // for each address

}  // namespace

Dialler::Dialler(asio::io_context& io, Endpoint sender, Listener& listener, Service& service)
    : io_(io), sender_(std::move(sender)), listener_(listener), service_(service) {}

asio::awaitable<void> Dialler::dial_forever() {
  asio::steady_timer pause(io_);
  std::chrono::seconds wait = kFirstPause;
  while (listener_.serves_new()) {
    auto socket = co_await connect();
    bool served = false;
    if (socket) {
      why_not_ = std::string("it did not shake hands: is it a sender that waits (paceline-send ... --listen PORT") +
                 (service_.credentials.tls.now() ? " --tls-ca FILE --tls-name NAME)?" : ")?");
      served = co_await listener_.serve_dialled(std::move(*socket));
    }
    if (!listener_.serves_new()) co_return;
    if (served) {
      wait = kFirstPause;
      told_.clear();
    } else {
      tell_why_not();
    }
    pause.expires_after(wait);
    asio::error_code cancelled;
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    wait = std::min(2 * wait, kLongestPause);
  }
}

/// To the first of the sender's addresses that answers; else why_not_ says why none did.
asio::awaitable<std::optional<tcp::socket>> Dialler::connect() {
  tcp::resolver resolver(io_);
  asio::error_code error;
  const auto found = co_await resolver.async_resolve(sender_.host, std::to_string(sender_.port),
                                                     asio::redirect_error(asio::use_awaitable, error));
  if (error) why_not_ = "the name does not resolve: " + error.message();
  for (const auto& result : found) {
    const auto socket = std::make_shared<tcp::socket>(io_);
    asio::steady_timer limit(io_, kConnectLimit);
    limit.async_wait([socket](const asio::error_code& cancelled) {
      asio::error_code ignored;
      if (!cancelled) socket->close(ignored);
    });
    co_await socket->async_connect(result.endpoint(), asio::redirect_error(asio::use_awaitable, error));
    const bool late = limit.cancel() == 0;
    if (!error && !late) co_return std::move(*socket);
    why_not_ = late ? "no answer in 3 s" : error.message();
  }
  co_return std::nullopt;
}

void Dialler::tell_why_not() {
  if (told_ == why_not_) return;
  told_ = why_not_;
  service_.observer.dial_failed(to_string(sender_), why_not_);
}

}  // namespace paceline::receiver
