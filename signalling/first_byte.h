// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <optional>

namespace paceline::signalling {

/// The first byte that comes on a connection, left unread: it tells signalling from data. Nothing if none does in time.
/// `socket` may be closed meanwhile, and outlives the wait.
asio::awaitable<std::optional<std::uint8_t>> first_byte(asio::ip::tcp::socket& socket,
                                                        std::chrono::steady_clock::duration limit);

}  // namespace paceline::signalling
