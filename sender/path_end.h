// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "paceline/clock.h"
#include "proto/packet.h"
#include "traffic/address.h"
#include "traffic/clock_exchange.h"

namespace paceline::sender {

/// What a flow's probes carry: which flow, and the right to be answered.
struct ProbeKey {
  std::uint32_t flow_id = 0;
  packet::Secret secret{};
  packet::Nonce nonce{};  // all zero until a reply brought it
};

/// A reply and when it came.
struct Answer {
  packet::ProbeReply reply;
  SenderTime at{};

  traffic::ClockSample sample() const;
  /// Whether its times are such as clocks show.
  bool plausible() const;
};

/// What came of the first probe.
struct Reach {
  std::optional<Answer> answer;
  std::string why;         ///< why there is none: what the network or the other end said; empty when we gave up
  bool elsewhere = false;  ///< somebody else was there, another pod say: trying again may reach the right one
};

/// This end of a data path that is being tried: a UDP socket or a TCP connection.
class PathEnd {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~PathEnd() = default;

  /// The first probe, with this attempt's number, and what came of it. Goes on until close().
  virtual asio::awaitable<Reach> reach(const ProbeKey& key, std::uint32_t attempt) = 0;

  /// One probe and the reply to it, both with `attempt`.
  virtual asio::awaitable<std::optional<Answer>> round_trip(const ProbeKey& key, std::uint32_t attempt,
                                                            Clock::duration limit) = 0;

  virtual void close() = 0;
  virtual traffic::Address local() const = 0;

  /// Round trips one after the other: `count` of them, or as many as the limit allows; at least `least`, each within
  /// `each`, before the limit counts.
  asio::awaitable<traffic::ClockExchange> exchange_clocks(const ProbeKey& key, std::uint32_t count, std::uint32_t least,
                                                          Clock::duration limit,
                                                          Clock::duration each = std::chrono::seconds(1));

 private:
  std::uint32_t last_attempt_ = 1u << 22;  // of round trips; the search's attempts lie below
};

/// What an errno of a send or a connect says of the way there.
std::string network_error(int error);

}  // namespace paceline::sender
