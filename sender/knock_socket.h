// SPDX-License-Identifier: MIT
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/udp.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "sender/local_end.h"
#include "sender/path_end.h"
#include "sender/probe_socket.h"

namespace paceline::sender {

/// A UDP socket that waits for a receiver's knock. Where the knock comes from is the only address at which the
/// translations before that receiver let anything in, and only for this socket.
class KnockSocket {
 public:
  /// `local` names the address that the receiver knows; `like`: any address of its family. Throws SetupError.
  KnockSocket(const asio::any_io_executor& executor, const LocalEnd& local, const traffic::Address& like);

  std::uint16_t port() const;

  /// Where the flow's first knock came from; nothing when none has by then.
  asio::awaitable<std::optional<traffic::Address>> knocked(const ProbeKey& key,
                                                           std::chrono::steady_clock::time_point limit);

  /// The same socket as an end of the path there. The last call. Throws SetupError.
  std::shared_ptr<ProbeSocket> connect(const traffic::Address& to);

 private:
  asio::ip::udp::socket socket_;
  std::optional<std::uint32_t> flow_label_;
};

}  // namespace paceline::sender
