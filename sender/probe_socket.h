// SPDX-License-Identifier: MIT
#pragma once

#include <asio/ip/udp.hpp>
#include <asio/steady_timer.hpp>
#include <memory>

#include "sender/inbox.h"
#include "sender/local_end.h"
#include "sender/path_end.h"

namespace paceline::sender {

/// A connected UDP socket as one end of a data path. The flow's packets later leave by the socket whose probe was
/// answered.
class ProbeSocket : public PathEnd {
 public:
  /// Throws SetupError ("network is unreachable").
  ProbeSocket(const asio::any_io_executor& executor, const traffic::Address& to, const LocalEnd& local = {});

  /// `open`'s destination is connected to. `repeat`: see reach(). Throws SetupError.
  ProbeSocket(const asio::any_io_executor& executor, OpenSocket open, bool repeat);

  /// From a fresh port a probe is sent once: the next attempt comes from another. From a port that is the only
  /// one (the user chose it, say) it is repeated until a reply comes.
  asio::awaitable<Reach> reach(const ProbeKey& key, std::uint32_t attempt) override;

  /// Sends a probe; 0 or an errno (an ICMP error of the one before it, say).
  int send(const ProbeKey& key, std::uint32_t attempt);

  /// The next reply to one of the flow's probes. Nothing when the limit has passed or close() was called; an errno in
  /// `error` when the network answered instead. One call at a time.
  asio::awaitable<std::optional<Answer>> receive(std::uint32_t flow_id, Clock::time_point limit, int& error);

  asio::awaitable<std::optional<Answer>> round_trip(const ProbeKey& key, std::uint32_t attempt,
                                                    Clock::duration limit) override;

  /// Forbids fragments up to the path's MTU, allows them above. False when datagrams of `size` will be fragments.
  bool forbid_fragments(std::uint32_t size);

  /// From now on another thread reads the socket and hands over the replies that come; until `false`, when nobody may
  /// be in receive().
  void let_others_read(bool others) { others_read_ = others; }
  void hand_over(const packet::ProbeReply& reply, SenderTime at);

  /// Ends a receive() as if its limit had passed.
  void cancel();
  void close() override;

  int fd() { return socket_.native_handle(); }
  traffic::Address local() const override;

 private:
  bool ipv6_;
  bool repeat_;
  asio::ip::udp::socket socket_;
  std::shared_ptr<asio::steady_timer> limit_;
  bool others_read_ = false;
  Inbox<Answer> handed_over_;
};

}  // namespace paceline::sender
