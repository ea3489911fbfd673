// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "paceline/flow.h"
#include "paceline/result.h"
#include "paceline/sender.h"
#include "sender/knock_socket.h"
#include "sender/knocked_connections.h"
#include "sender/local_end.h"
#include "sender/path_end.h"
#include "sender/path_finder.h"
#include "sender/path_search.h"
#include "sender/run_context.h"
#include "sender/run_part.h"
#include "sender/session.h"

namespace paceline::sender {

/// A flow that a receiver takes, from its offer to its summary; a kind of flow is a class below this one.
class FlowRun : public RunPart {
 public:
  void request_start(SenderTime start) override;
  asio::awaitable<void> await_start() override;
  asio::awaitable<void> run() override;
  void stop(const std::string& why) override;
  bool started() const override { return started_; }

 protected:
  using Clock = std::chrono::steady_clock;

  static Clock::time_point in(Clock::duration time) { return Clock::now() + time; }

  /// `source_port`: of the first socket, if the user chose one for the run, else 0; the flow's own goes first.
  FlowRun(RunContext& run, std::size_t index, std::uint16_t source_port);

  // What a kind does in run().
  /// Starts this end's traffic. May throw.
  virtual void begin() = 0;
  /// Whether it is over. Whoever makes it so calls now_over().
  virtual bool over() const = 0;
  /// Asks this end's traffic to end soon.
  virtual void halt() = 0;
  /// Ends it now if it goes on, and waits until all that begin() started is over.
  virtual asio::awaitable<void> break_off() = 0;
  virtual void take(const wire::IntervalReport& report) = 0;
  /// Puts in what this end knows, once over().
  virtual asio::awaitable<void> report(wire::FlowDone& done) = 0;
  virtual void take(const wire::FlowSummary& summary) = 0;
  /// The last step: `incomplete` says why the result is partial; empty if this end knows of nothing.
  virtual void conclude(const std::string& incomplete) = 0;
  /// Adds to StartFlow what this kind needs.
  virtual void fill(wire::StartFlow& request) { (void)request; }
  virtual void take(const wire::FlowStarted& started) { (void)started; }
  /// How long traffic is to last.
  virtual nanoseconds length() const = 0;
  /// How long the receiver may take from FlowDone to its summary.
  virtual Clock::duration summary_limit() const = 0;

  // Steps of prepare().
  asio::awaitable<wire::FlowOffer> ask_for(wire::OpenFlow request);
  asio::awaitable<FoundPath> find_udp_path(const wire::FlowOffer& offer);
  asio::awaitable<FoundPath> find_tcp_path(const wire::FlowOffer& offer, std::function<void(int socket)> configure);
  asio::awaitable<FoundPath> find_sctp_path(const wire::FlowOffer& offer, std::function<void(int socket)> configure);
  /// `number`th further TCP connection, to where the first one went.
  asio::awaitable<FoundPath> find_again(const FoundPath& first, std::uint32_t number,
                                        std::function<void(int socket)> configure);
  /// Waits until the receiver has confirmed the found path, and describes it.
  asio::awaitable<void> confirm(const FoundPath& found);
  /// Judges the clocks. Throws SetupError without a sample.
  void judge_clocks(const traffic::ClockExchange& exchange);
  /// Round trips to measure before the flow: fewer when many flows do so at once.
  std::uint32_t exchanges() const;

  void send_done(const wire::FlowDone& done);
  void now_over();
  asio::awaitable<void> until_over();

  RunContext& run_context() { return run_; }
  asio::any_io_executor executor() { return run_.io.get_executor(); }
  RunObserver& observer() { return run_.observer; }
  Session& session() const { return run_.sessions.of(index_); }
  /// What the receiver says of the flow.
  Session::Messages& messages() { return messages_; }
  std::size_t index() const { return index_; }
  ProbeKey& key() { return key_; }
  const PathResult& path() const { return path_; }
  const Stamping& stamping() const { return stamping_; }
  ClockResult& clock() { return clock_; }
  SenderTime start_time() const { return start_; }
  /// Why it was told to stop; empty if it was not.
  const std::string& stopped_why() const { return stopped_why_; }
  /// Of the flow's `number`th socket, from 0.
  LocalEnd local_end(std::uint32_t number) const;
  const SocketSpec& socket_spec() const;
  std::string name() const { return "flow " + std::to_string(index_ + 1); }

 private:
  asio::awaitable<wire::Message> expect(wire::Message::BodyCase wanted, Clock::duration limit, const char* what,
                                        std::function<bool(const wire::Message&)> is_it = {});
  std::vector<Candidate> candidates(const wire::FlowOffer& offer, Transport transport) const;
  asio::awaitable<FoundPath> search(PathQuest quest, const char* transport, const char* option);
  std::uint16_t await_knocks();
  asio::awaitable<FoundPath> find_knocked_udp_path();
  asio::awaitable<FoundPath> find_knocked_tcp_path(std::uint32_t number, std::function<void(int socket)> configure);
  std::string no_knock(const std::string& where) const;
  std::string given_up() const;
  asio::awaitable<void> watch();
  asio::awaitable<void> await_summary();
  void take_summary(const wire::FlowSummary& summary);

  RunContext& run_;
  std::size_t index_;
  std::uint16_t source_port_;
  Session::Messages messages_;
  asio::steady_timer over_;  // cancelled when this end's traffic is over
  ProbeKey key_;
  std::unique_ptr<KnockSocket> knock_socket_;                // passive, over UDP
  std::shared_ptr<KnockedConnections> knocked_connections_;  // passive, over TCP
  std::optional<nanoseconds> synchronized_offset_;
  PathResult path_;
  Stamping stamping_;
  ClockResult clock_;
  SenderTime start_{};
  std::string stopped_why_;
  bool started_ = false;
  bool begun_ = false;
  bool done_sent_ = false;
  bool summary_came_ = false;
};

}  // namespace paceline::sender
