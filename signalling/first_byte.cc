// SPDX-License-Identifier: MIT
#include "signalling/first_byte.h"

#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <memory>

namespace paceline::signalling {

using asio::ip::tcp;

asio::awaitable<std::optional<std::uint8_t>> first_byte(tcp::socket& socket,
                                                        std::chrono::steady_clock::duration limit) {
  asio::steady_timer deadline(socket.get_executor(), limit);
  const auto alive = std::make_shared<bool>(true);
  deadline.async_wait([&socket, alive](const asio::error_code& cancelled) {
    asio::error_code ignored;
    if (!cancelled && *alive) socket.cancel(ignored);
  });
  asio::error_code error;
  std::uint8_t byte = 0;
  const std::size_t count = co_await socket.async_receive(asio::buffer(&byte, 1), tcp::socket::message_peek,
                                                          asio::redirect_error(asio::use_awaitable, error));
  *alive = false;
  if (error || count == 0) co_return std::nullopt;
  co_return byte;
}

}  // namespace paceline::signalling
