// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "decoder/histogram.h"
#include "paceline/result.h"
#include "paceline/sender.h"
#include "sender/path_search.h"
#include "sender/probe_socket.h"
#include "sender/session.h"
#include "traffic/clock_exchange.h"
#include "traffic/udp_flow_sender.h"

namespace paceline::sender {

/// One flow of a run, from its offer to its summary. Its steps are called in the order of their declaration.
class FlowRun {
 public:
  FlowRun(asio::io_context& io, Session& session, const RunSpec& run, std::size_t index, RunObserver& observer);
  ~FlowRun();

  /// Asks the receiver for the flow, finds the path to its data port, and measures the clocks over it. Throws
  /// SetupError: refused, or no candidate works, with each one's fate.
  asio::awaitable<void> prepare();

  /// Freezes the clock map and asks the receiver to bind the flow to the proven address; the first packet is due at
  /// `start`.
  void request_start(SenderTime start);
  /// Waits until it has. Throws SetupError.
  asio::awaitable<void> await_start();

  /// Sends on a thread of its own while intervals come in, then waits for the summary. Never throws: what went wrong
  /// stands in the result, which is partial then.
  asio::awaitable<void> run();

  /// Ends the flow early; `why` goes into the result.
  void stop(const std::string& why);

  bool started() const { return started_; }
  const FlowResult& result() const { return result_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Found {
    Attempt attempt;
    Answer answer;
    std::shared_ptr<ProbeSocket> socket;
  };

  asio::awaitable<wire::Message> expect(wire::Message::BodyCase wanted, Clock::duration limit, const char* what);
  std::vector<Candidate> candidates(const wire::FlowOffer& offer) const;
  asio::awaitable<void> find_path(std::vector<Candidate> candidates);
  asio::awaitable<void> attempt(Attempt attempt, std::shared_ptr<ProbeSocket> socket,
                                std::shared_ptr<PathSearch> search, std::shared_ptr<Inbox<Found>> found);
  void describe_path(const Found& found, const wire::PathConfirmed& confirmed, const PathSearch& search);
  asio::awaitable<void> measure_clocks();
  void start_sending();
  asio::awaitable<void> watch();
  asio::awaitable<void> keep_path();
  asio::awaitable<void> end_keep_path();
  asio::awaitable<void> report();
  void take(const Interval& interval);
  void close_partial(const std::string& why);

  asio::io_context& io_;
  Session& session_;
  const RunSpec& run_;
  FlowSpec spec_;
  std::size_t index_;
  RunObserver& observer_;
  Session::Messages messages_;

  ProbeKey key_;
  std::optional<nanoseconds> synchronized_offset_;
  std::shared_ptr<ProbeSocket> socket_;
  traffic::ClockExchange clock_before_;
  SenderTime start_{};

  class LatenessSink;
  std::unique_ptr<LatenessSink> lateness_;
  std::jthread thread_;
  traffic::UdpFlowOutcome outcome_;
  bool sending_ = false;
  asio::steady_timer sending_over_;
  bool keeping_path_ = false;
  asio::steady_timer keep_pause_;
  asio::steady_timer path_kept_;  // cancelled when keep_path() is over
  bool summary_came_ = false;
  std::uint64_t unbound_ = 0;  // in the intervals so far
  nanoseconds silence_{0};     // intervals without a packet, at the end
  std::string stopped_why_;

  FlowResult result_;
  bool started_ = false;
};

}  // namespace paceline::sender
