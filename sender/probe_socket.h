// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/udp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
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
};

/// One end of a data path: a UDP socket on a fresh source port, connected to a candidate. The flow's packets later
/// leave by the socket whose probe was answered.
class ProbeSocket {
 public:
  /// Throws SetupError ("network is unreachable").
  ProbeSocket(const asio::any_io_executor& executor, const traffic::Address& to);

  /// Sends a probe; 0 or an errno (an ICMP error of the one before it, say).
  int send(const ProbeKey& key, std::uint32_t attempt);

  /// The next reply to one of the flow's probes. Nothing when the limit has passed or close() was called; an errno in
  /// `error` when the network answered instead. One call at a time.
  asio::awaitable<std::optional<Answer>> receive(std::uint32_t flow_id, std::chrono::steady_clock::time_point limit,
                                                 int& error);

  /// One probe and the reply to it, both with `attempt`.
  asio::awaitable<std::optional<Answer>> round_trip(const ProbeKey& key, std::uint32_t attempt,
                                                    std::chrono::steady_clock::duration limit);

  /// Round trips one after the other: `count` of them, or as many as the limit allows; at least `least`, each within
  /// a second, before the limit counts.
  asio::awaitable<traffic::ClockExchange> exchange_clocks(const ProbeKey& key, std::uint32_t count, std::uint32_t least,
                                                          std::chrono::steady_clock::duration limit);

  /// Forbids fragments up to the path's MTU, allows them above. False when datagrams of `size` will be fragments.
  bool forbid_fragments(std::uint32_t size);

  /// Ends a receive() as if its limit had passed.
  void cancel();
  void close();

  int fd() { return socket_.native_handle(); }
  traffic::Address local() const;

 private:
  bool ipv6_;
  asio::ip::udp::socket socket_;
  std::shared_ptr<asio::steady_timer> limit_;
  std::uint32_t last_attempt_ = 1u << 16;  // of round trips; the search's attempts lie below
};

}  // namespace paceline::sender
