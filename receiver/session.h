// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/thread_pool.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "paceline/receiver.h"
#include "receiver/data_path.h"
#include "receiver/stamping.h"
#include "signalling/channel.h"
#include "traffic/clock_exchange.h"

namespace paceline::receiver {

/// What all sessions of a receiver share; outlives them. Used on the signalling thread only.
struct Service {
  const ReceiverSpec& spec;
  ReceiverObserver& observer;
  DataPath& data_path;
  std::uint16_t data_port;
  traffic::ClockIdentity clock;
  Host host;
  asio::thread_pool& file_worker;  // begins and ends record files, which may take as long as the disk does
  std::set<std::uint32_t> flow_ids;
  std::map<asio::ip::address, std::uint32_t> sessions_by_client;
  std::uint32_t sessions = 0;
};

/// One sender's signalling session, from its connection's first byte to its last.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<signalling::Channel> channel, Service& service);

  /// Serves the sender until it leaves, breaks the rules, or stop() was called; then waits for its flows to end.
  asio::awaitable<void> run();

  /// Ends the session's flows with partial summaries, then the session.
  void stop(const std::string& why);

  /// Hangs up at once. For a connection that has not shaken hands.
  void drop() { channel_->close(); }

  /// Whether the handshake is over.
  bool welcomed() const { return welcomed_; }

 private:
  friend class FlowEvents;

  struct SessionFlow {
    FlowResult result;
    decoder::FlowStart start;
    std::chrono::steady_clock::time_point opened = std::chrono::steady_clock::now();
    bool starting = false;  // StartFlow is with the data path
    bool running = false;   // the data path will tell of its end
    bool started = false;
  };

  asio::awaitable<void> handshake();
  asio::awaitable<void> serve();
  void open_flow(const wire::OpenFlow& request);
  void start_flow(const wire::StartFlow& request);
  void flow_done(const wire::FlowDone& report);
  void refuse(std::uint32_t request, std::uint32_t flow_id, const std::string& reason);
  std::string small_buffer_warning(const FlowSpec& spec) const;
  void open_record(std::uint32_t flow_id);
  void take_packets(std::uint32_t flow_id, std::unique_ptr<decoder::RecordWriter> writer, const std::string& warning);
  asio::awaitable<void> watch_idleness();
  asio::awaitable<void> end_flows();
  void forget(std::uint32_t flow_id);

  // What the data path tells, on the signalling thread.
  void on_path_confirmed(std::uint32_t flow_id, std::uint32_t attempt, const std::string& arrived_at,
                         const std::string& seen_from, const Stamping& stamping);
  void on_bound(std::uint32_t flow_id, const DataPath::Bound& bound);
  void on_started(std::uint32_t flow_id, const DataPath::Started& started);
  void on_interval(std::uint32_t flow_id, const Interval& interval);
  void on_finished(std::uint32_t flow_id, ReceiverTime when, std::uint32_t socket_flows,
                   std::unique_ptr<decoder::RecordWriter> writer);

  std::shared_ptr<signalling::Channel> channel_;
  Service& service_;
  std::string peer_;
  std::map<std::uint32_t, SessionFlow> flows_;
  bool welcomed_ = false;
  std::string ending_;  // why the flows that still run are cut short
  asio::steady_timer flows_ended_;
  asio::steady_timer idleness_;
};

}  // namespace paceline::receiver
