// SPDX-License-Identifier: MIT
#pragma once

#include <asio/ip/address.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "paceline/receiver.h"
#include "proto/signalling.pb.h"
#include "signalling/channel.h"

namespace paceline::receiver {

/// Hears of the receiver's life, tells those who follow it, and passes everything on to the receiver's own observer.
/// Nobody is waited for: who does not read is hung up on. Used on the signalling thread only.
class Followers : public ReceiverObserver {
 public:
  /// What may wait for one follower.
  static constexpr std::size_t kMostWaiting = 8 * 1024 * 1024;

  /// Both must outlive it.
  Followers(ReceiverObserver& next, const ReceiverLimits& limits) : next_(next), limits_(limits) {}

  /// Why there is no place for one more follower; empty if there is.
  std::string full(const asio::ip::address& client) const;

  /// Tells it of what it subscribes to, what runs first, until remove(). Refuses, and throws ChannelError, if it is a
  /// flow that does not run.
  void add(const std::shared_ptr<signalling::Channel>& channel, const wire::Subscribe& request);
  /// Returns why it was hung up on; empty if it was not.
  std::string remove(const signalling::Channel& channel);

  // Who is connected as one, subscribed or not yet.
  void enter(const asio::ip::address& client) { ++by_client_[client]; }
  void leave(const asio::ip::address& client);

  /// The flow is over, with a result or without.
  void flow_gone(std::uint32_t flow_id) override;
  /// Hangs up on all, as soon as no flow runs.
  void stop(const std::string& why);

  void listening(std::uint16_t port, std::uint16_t data_port) override { next_.listening(port, data_port); }
  void stamping(Hook hook, const std::vector<std::string>& interfaces, const std::string& reason) override {
    next_.stamping(hook, interfaces, reason);
  }
  void dial_failed(const std::string& sender, const std::string& why) override { next_.dial_failed(sender, why); }
  void session_opened(const std::string& peer) override { next_.session_opened(peer); }
  void session_closed(const std::string& peer, const std::string& why) override { next_.session_closed(peer, why); }
  void follower_opened(const std::string& peer) override { next_.follower_opened(peer); }
  void follower_closed(const std::string& peer, const std::string& why) override { next_.follower_closed(peer, why); }
  void refused(const std::string& peer, const std::string& reason) override { next_.refused(peer, reason); }
  void draining(std::uint32_t sessions, std::uint32_t flows) override { next_.draining(sessions, flows); }
  void status(const ReceiverStatus& status) override { next_.status(status); }
  void credentials_changed(const std::string& text) override { next_.credentials_changed(text); }
  void warning(const std::string& text) override { next_.warning(text); }
  void flow_started(const FlowResult& flow) override;
  void interval(std::uint32_t flow_id, const PacketInterval& interval) override;
  void interval(std::uint32_t flow_id, const TcpInterval& interval) override;
  void flow_finished(const FlowResult& result) override;

 private:
  struct Follower {
    std::shared_ptr<signalling::Channel> channel;
    std::set<std::uint32_t> flow_ids;  // empty: all
    std::string hung_up;               // why

    bool wants(std::uint32_t flow_id) const { return flow_ids.empty() || flow_ids.contains(flow_id); }
    void tell(const wire::Message& message, std::size_t size);
    void hang_up(const std::string& why);
  };

  template <class Fill>
  void tell(std::uint32_t flow_id, const Fill& fill);
  void hang_up_if_done();

  ReceiverObserver& next_;
  const ReceiverLimits& limits_;
  std::map<const signalling::Channel*, Follower> followers_;
  std::map<asio::ip::address, std::uint32_t> by_client_;
  std::map<std::uint32_t, FlowResult> running_;  // what flow_started() told
  std::string stopped_;                          // why
};

}  // namespace paceline::receiver
