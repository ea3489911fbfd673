// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "paceline/clock.h"
#include "paceline/flow.h"
#include "paceline/sender.h"
#include "sender/dial_in.h"
#include "sender/session.h"

namespace paceline::sender {

/// Whether somebody must take the flow: echo requests are answered by any host.
bool needs_receiver(const FlowSpec& flow);

/// Where the flow goes. Precondition: the run's flows have `flow`.
Target target_of(const RunSpec& run, std::size_t flow);

/// A run's signalling sessions: one with each receiver that its flows go to, or with the one that dials in.
class Sessions {
 public:
  /// Throws FileError when what TLS is to trust cannot be read.
  Sessions(asio::io_context& io, const RunSpec& run);

  /// Opens them, all at once; the observer is told of each. Throws SetupError of the first that cannot be reached.
  asio::awaitable<void> open(RunObserver& observer);
  /// Reads them all, from now on.
  void read();

  /// The flow's. Precondition: open() has returned, and it needs a receiver.
  Session& of(std::size_t flow) const { return *entries_[*entry_of_[flow]].session; }
  const Target& target(std::size_t flow) const { return entries_[*entry_of_[flow]].target; }
  /// Null unless receivers dial in.
  DialIn* dial_in() const { return dial_in_.get(); }

  /// Of the first flow that has one.
  Host first_host() const;
  /// The longest of the handshakes.
  nanoseconds round_trip() const;

  asio::awaitable<void> flush_and_close();

 private:
  struct Entry {
    Target target;
    std::unique_ptr<Session> session;
  };

  asio::io_context& io_;
  const RunSpec& run_;
  Session::Security security_;
  std::unique_ptr<DialIn> dial_in_;
  std::vector<Entry> entries_;
  std::vector<std::optional<std::size_t>> entry_of_;  // by flow
};

}  // namespace paceline::sender
