// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <string>

#include "paceline/clock.h"
#include "paceline/result.h"

namespace paceline::sender {

/// One flow of a run, whoever answers it. The steps are called in the order of their declaration, on the run's thread.
class RunPart {
 public:
  RunPart() = default;
  virtual ~RunPart() = default;
  RunPart(const RunPart&) = delete;
  RunPart& operator=(const RunPart&) = delete;

  /// Finds the other end and measures what must be known before the start. Throws SetupError: refused, or no way there,
  /// with what was tried.
  virtual asio::awaitable<void> prepare() = 0;

  /// Settles the start, and asks the receiver for it: the first packet or byte is due then.
  virtual void request_start(SenderTime start) = 0;
  /// Waits until the other end is ready for it. Throws SetupError.
  virtual asio::awaitable<void> await_start() = 0;

  /// Makes the traffic, while rows come in, until the result is whole. Never throws: what went wrong stands in the
  /// result, which is partial then.
  virtual asio::awaitable<void> run() = 0;

  /// Brings its record, if one was asked for, once all flows have ended. Never throws: what went wrong is warned of.
  virtual asio::awaitable<void> bring_record() { co_return; }

  /// Ends the flow early; `why` goes into the result.
  virtual void stop(const std::string& why) = 0;

  /// Whether there is something to measure, so that a stop must wait for the result.
  virtual bool started() const = 0;
  virtual FlowResult result() const = 0;
};

}  // namespace paceline::sender
