// SPDX-License-Identifier: MIT
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <string>

#include "paceline/sender.h"

namespace paceline::signalling {

/// Where connections are taken.
struct ListenSpec {
  std::string what;        ///< for errors: "signalling port"
  std::string bind;        ///< numeric address; empty or "::": all, of the family
  std::uint16_t port = 0;  ///< 0: any free one
  Family family = Family::any;
  std::string advice;     ///< when the port is in use
  bool accepting = true;  ///< false: the port is held, and whoever comes is refused
};

/// Listens: at both families' addresses where no address or family is asked for and the host has IPv6, else at one's.
/// Throws UsageError for an address that is none, and SetupError.
asio::ip::tcp::acceptor listen(asio::io_context& io, const ListenSpec& spec);

}  // namespace paceline::signalling
