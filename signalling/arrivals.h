// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace paceline::signalling {

/// What an operator is told of connections that could not be accepted: when it begins and every ten seconds while it
/// lasts, as it must not fill the log.
class AcceptTrouble {
 public:
  /// Of one more at `now`; empty if it is to be told later, with the next one.
  std::string tell(const asio::error_code& error, std::chrono::steady_clock::time_point now);

 private:
  std::uint64_t untold_ = 0;
  std::chrono::steady_clock::time_point next_{};
};

/// The connections that come to a port. What keeps one from being accepted passes (all descriptors are in use, say:
/// some will come free), so it is waited out.
class Arrivals {
 public:
  /// `acceptor` outlives it. `warn` gets what there is to tell of trouble.
  Arrivals(asio::ip::tcp::acceptor& acceptor, std::function<void(const std::string&)> warn);

  /// The next one; none when the acceptor has been closed.
  asio::awaitable<std::optional<asio::ip::tcp::socket>> next();

 private:
  asio::ip::tcp::acceptor& acceptor_;
  std::function<void(const std::string&)> warn_;
  AcceptTrouble trouble_;
};

}  // namespace paceline::signalling
