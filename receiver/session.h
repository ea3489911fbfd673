// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>

#include "receiver/served_flow.h"
#include "receiver/service.h"
#include "signalling/channel.h"

namespace paceline::receiver {

/// One sender's signalling session, whoever opened its connection, from the first byte to the last: negotiates, and
/// hands each message to its flow. Or a follower's.
class Session : public FlowOwner, public std::enable_shared_from_this<Session> {
 public:
  /// Who opened the connection.
  enum class Opened { by_sender, by_us };

  Session(std::shared_ptr<signalling::Channel> channel, Service& service, Opened opened = Opened::by_sender);

  /// Serves the sender until it leaves, breaks the rules, or stop() was called; then waits for its flows to end.
  asio::awaitable<void> run();

  /// Ends the session's flows with partial summaries, then the session.
  void stop(const std::string& why);

  /// As stop(), once nothing of its runs any more: a follower's session, once nobody's does.
  void stop_when_done(const std::string& why);

  /// Hangs up at once. For a connection that has not shaken hands.
  void drop() { channel_->close(); }

  /// Whether the handshake is over.
  bool welcomed() const { return welcomed_; }

  /// Whether it is there to hear of others' flows.
  bool follows() const { return follows_; }

  /// Whether a flow of the session has run.
  bool had_flow() const { return had_flow_; }

  // What its flows need.
  asio::any_io_executor executor() override { return channel_->executor(); }
  Service& service() override { return service_; }
  asio::ip::address client() const override { return channel_->remote().address(); }
  void send(const wire::Message& message) override { channel_->send(message); }
  void started(std::uint32_t) override { had_flow_ = true; }
  void forget(std::uint32_t flow_id) override;
  void refuse_flow(std::uint32_t flow_id, const std::string& reason) override { refuse(0, flow_id, reason); }
  void note_refusal(const std::string& reason) override { service_.observer.refused(peer_, reason); }

 private:
  asio::awaitable<void> handshake();
  asio::awaitable<void> demand_key(const std::vector<Key>& keys, std::chrono::steady_clock::time_point deadline);
  std::string full() const;
  void enter();
  void leave(const std::string& why);
  asio::awaitable<void> serve();
  asio::awaitable<void> serve_follower();
  bool records_awaited() const;
  bool busy() const;
  void read_record(const wire::ReadRecord& request);
  void open_flow(const wire::OpenFlow& request);
  void offer_flow(const wire::OpenFlow& request, const FlowSpec& spec);
  std::string no_room(const FlowSpec& spec) const;
  std::string misplaced_knock(const wire::OpenFlow& request) const;
  void knock(const std::shared_ptr<ServedFlow>& flow, packet::Knock knock, const FlowSpec& spec, std::uint16_t port);
  std::uint32_t choose_id(const FlowSpec& spec);
  std::shared_ptr<ServedFlow> find(std::uint32_t flow_id) const;
  void refuse(std::uint32_t request, std::uint32_t flow_id, const std::string& reason);
  asio::awaitable<void> watch_idleness();
  asio::awaitable<void> end_flows();
  asio::awaitable<void> records_fetched();

  std::shared_ptr<signalling::Channel> channel_;
  Service& service_;
  Opened opened_;
  std::string peer_;
  std::unordered_map<std::uint32_t, std::shared_ptr<ServedFlow>> flows_;
  std::unordered_map<std::uint32_t, std::shared_ptr<ServedRecord>> records_;  // that the sender is to fetch
  bool welcomed_ = false;
  bool follows_ = false;
  bool had_flow_ = false;
  std::string ending_;  // why the flows that still run are cut short
  asio::steady_timer flows_ended_;
  asio::steady_timer idleness_;
};

}  // namespace paceline::receiver
