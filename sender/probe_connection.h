// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <memory>

#include "paceline/flow.h"
#include "sender/local_end.h"
#include "sender/path_end.h"
#include "traffic/file_descriptor.h"

namespace paceline::sender {

/// A TCP or SCTP connection as one end of a data path. It is made by reach() unless it stands, probed, and may become a
/// flow's stream.
class ProbeConnection : public PathEnd {
 public:
  static constexpr std::chrono::seconds kPatience{2};  ///< for the connection and the reply to its first probe

  /// `protocol`: IPPROTO_SCTP, or 0: TCP. Throws SetupError (the source address is none of this host's).
  ProbeConnection(const asio::any_io_executor& executor, const traffic::Address& to, const LocalEnd& local,
                  int protocol = 0);

  /// A connection that stands already: the receiver opened it, and has knocked.
  explicit ProbeConnection(asio::ip::tcp::socket knocked);

  asio::awaitable<Reach> reach(const ProbeKey& key, std::uint32_t attempt) override;
  asio::awaitable<std::optional<Answer>> round_trip(const ProbeKey& key, std::uint32_t attempt,
                                                    Clock::duration limit) override;
  void close() override;
  traffic::Address local() const override;
  traffic::Address remote() const;

  /// Closed when a probe was not answered in time: what still came would be taken for data.
  bool is_open() const { return socket_.is_open(); }
  int fd() { return socket_.native_handle(); }
  /// From SYN to established; 0 when the receiver opened it.
  nanoseconds connect_time() const { return connect_time_; }

  /// Hands the connection out: non-blocking, nothing unread. The last call.
  traffic::FileDescriptor release();

 private:
  class Limit;

  ProbeConnection(const asio::any_io_executor& executor, OpenSocket open);
  asio::awaitable<std::optional<Answer>> ask(const ProbeKey& key, std::uint32_t attempt, asio::error_code& error);

  traffic::Address address_by(int (*name)(int, sockaddr*, socklen_t*) noexcept) const;

  asio::ip::tcp::endpoint to_;
  bool connected_ = false;
  asio::ip::tcp::socket socket_;
  nanoseconds connect_time_{0};
};

}  // namespace paceline::sender
