// SPDX-License-Identifier: MIT
//
// Passive mode: the receiver sends the first packets of the data path, so that the translations before it let in what
// comes back. It knocks nowhere but at the host that its operator told it to dial.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <memory>

#include "proto/packet.h"
#include "receiver/served_flow.h"
#include "receiver/service.h"
#include "traffic/address.h"

namespace paceline::receiver {

inline constexpr std::uint32_t kMostKnocks = 20;
inline constexpr std::chrono::milliseconds kBetweenKnocks{50};

/// From the data port, until the flow has been probed.
asio::awaitable<void> knock_over_udp(std::shared_ptr<ServedFlow> flow, packet::Knock knock, traffic::Address to,
                                     Service& service);

/// On a connection that the door then serves as one that came in.
asio::awaitable<void> knock_over_tcp(std::shared_ptr<ServedFlow> flow, packet::Knock knock, asio::ip::tcp::endpoint to,
                                     Service& service);

}  // namespace paceline::receiver
