// SPDX-License-Identifier: MIT
#include "receiver/knocking.h"

#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "receiver/data_path.h"
#include "receiver/tcp_door.h"

namespace paceline::receiver {

namespace {

constexpr std::chrono::seconds kConnectLimit{5};

}  // namespace

asio::awaitable<void> knock_over_udp(std::shared_ptr<ServedFlow> flow, packet::Knock knock, traffic::Address to,
                                     Service& service) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  for (knock.number = 1; knock.number <= kMostKnocks && !flow->probed(); ++knock.number) {
    service.data_path.knock(knock, to);
    pause.expires_after(kBetweenKnocks);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<void> knock_over_tcp(std::shared_ptr<ServedFlow> flow, packet::Knock knock, asio::ip::tcp::endpoint to,
                                     Service& service) {
  const auto socket = std::make_shared<asio::ip::tcp::socket>(co_await asio::this_coro::executor);
  asio::steady_timer deadline(socket->get_executor(), kConnectLimit);
  deadline.async_wait([socket](const asio::error_code& cancelled) {
    asio::error_code ignored;
    if (!cancelled) socket->close(ignored);
  });
  asio::error_code error;
  co_await socket->async_connect(to, asio::redirect_error(asio::use_awaitable, error));
  if (error || flow->over()) co_return;
  const auto bytes = packet::encode(knock);
  co_await asio::async_write(*socket, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
  if (error || deadline.cancel() == 0) co_return;
  service.door.adopt(traffic::FileDescriptor(socket->release()));
}

}  // namespace paceline::receiver
