// SPDX-License-Identifier: MIT
#include "receiver/knocking.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
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

/// Closes the socket once nobody waits for its connection any more: the kernel would go on trying.
asio::awaitable<void> give_up_in_time(std::shared_ptr<asio::ip::tcp::socket> socket, std::shared_ptr<ServedFlow> flow) {
  asio::steady_timer pause(socket->get_executor());
  const auto limit = std::chrono::steady_clock::now() + kConnectLimit;
  while (socket->is_open() && !flow->over() && std::chrono::steady_clock::now() < limit) {
    pause.expires_after(kBetweenKnocks);
    co_await pause.async_wait(asio::use_awaitable);
  }
  asio::error_code ignored;
  socket->close(ignored);
}

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
  asio::error_code error;
  socket->open(to.protocol(), error);
  if (error) co_return;
  asio::co_spawn(socket->get_executor(), give_up_in_time(socket, flow), asio::detached);
  co_await socket->async_connect(to, asio::redirect_error(asio::use_awaitable, error));
  const bool wanted = !error && !flow->over();
  const auto bytes = packet::encode(knock);
  if (wanted)
    co_await asio::async_write(*socket, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
  if (wanted && !error && socket->is_open()) service.door.adopt(traffic::FileDescriptor(socket->release()));
  socket->close(error);
}

}  // namespace paceline::receiver
