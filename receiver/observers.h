// SPDX-License-Identifier: MIT
#pragma once

#include <utility>
#include <vector>

#include "paceline/receiver.h"

namespace paceline::receiver {

/// Several observers as one; they must outlive it.
class Observers : public ReceiverObserver {
 public:
  explicit Observers(std::vector<ReceiverObserver*> all) : all_(std::move(all)) {}

  void listening(std::uint16_t port, std::uint16_t data_port) override {
    each([&](auto& one) { one.listening(port, data_port); });
  }
  void stamping(Hook hook, const std::vector<std::string>& interfaces, const std::string& reason) override {
    each([&](auto& one) { one.stamping(hook, interfaces, reason); });
  }
  void dial_failed(const std::string& sender, const std::string& why) override {
    each([&](auto& one) { one.dial_failed(sender, why); });
  }
  void session_opened(const std::string& peer) override {
    each([&](auto& one) { one.session_opened(peer); });
  }
  void session_closed(const std::string& peer, const std::string& why) override {
    each([&](auto& one) { one.session_closed(peer, why); });
  }
  void follower_opened(const std::string& peer) override {
    each([&](auto& one) { one.follower_opened(peer); });
  }
  void follower_closed(const std::string& peer, const std::string& why) override {
    each([&](auto& one) { one.follower_closed(peer, why); });
  }
  void flow_started(const FlowResult& flow) override {
    each([&](auto& one) { one.flow_started(flow); });
  }
  void interval(std::uint32_t flow_id, const PacketInterval& interval) override {
    each([&](auto& one) { one.interval(flow_id, interval); });
  }
  void interval(std::uint32_t flow_id, const TcpInterval& interval) override {
    each([&](auto& one) { one.interval(flow_id, interval); });
  }
  void flow_finished(const FlowResult& result) override {
    each([&](auto& one) { one.flow_finished(result); });
  }
  void flow_gone(std::uint32_t flow_id) override {
    each([&](auto& one) { one.flow_gone(flow_id); });
  }
  void refused(const std::string& peer, const std::string& reason) override {
    each([&](auto& one) { one.refused(peer, reason); });
  }
  void draining(std::uint32_t sessions, std::uint32_t flows) override {
    each([&](auto& one) { one.draining(sessions, flows); });
  }
  void status(const ReceiverStatus& status) override {
    each([&](auto& one) { one.status(status); });
  }
  void credentials_changed(const std::string& text) override {
    each([&](auto& one) { one.credentials_changed(text); });
  }
  void warning(const std::string& text) override {
    each([&](auto& one) { one.warning(text); });
  }

 private:
  template <class Tell>
  void each(const Tell& tell) {
    for (ReceiverObserver* one : all_) tell(*one);
  }

  std::vector<ReceiverObserver*> all_;
};

}  // namespace paceline::receiver
