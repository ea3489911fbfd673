// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <string>

#include "paceline/endpoint.h"
#include "paceline/sender.h"

namespace paceline::signalling {

inline constexpr std::chrono::seconds kConnectLimit{3};  // for each address

/// A connection to the first of the host's addresses that takes one. `source`: the numeric address to connect from;
/// empty: the route's. Throws SetupError that lists every address tried, what became of it, and then `advice`.
asio::awaitable<asio::ip::tcp::socket> connect(asio::io_context& io, const Endpoint& to, Family family,
                                               const std::string& source, const std::string& advice);

}  // namespace paceline::signalling
