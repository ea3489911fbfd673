// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "paceline/receiver.h"
#include "receiver/flow_figures.h"
#include "receiver/metrics_text.h"

namespace paceline::receiver {

/// Collects what a receiver tells into Prometheus metrics. Sums over all flows never go down; a flow has series of its
/// own while it runs and for kKept after its end, so that a last scrape sees all of it.
class Metrics : public ReceiverObserver {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMostFlows = 100;  ///< that have series of their own; others are in the sums alone
  static constexpr std::chrono::seconds kKept{60};

  /// The text exposition format, this process's own figures among it. From any thread.
  std::string text(Time now) const;

  void stamping(Hook hook, const std::vector<std::string>& interfaces, const std::string& reason) override;
  void dial_failed(const std::string& sender, const std::string& why) override;
  void session_opened(const std::string& peer) override;
  void session_closed(const std::string& peer, const std::string& why) override;
  void follower_opened(const std::string& peer) override;
  void follower_closed(const std::string& peer, const std::string& why) override;
  void flow_started(const FlowResult& flow) override;
  void interval(std::uint32_t flow_id, const PacketInterval& interval) override;
  void interval(std::uint32_t flow_id, const TcpInterval& interval) override;
  void flow_finished(const FlowResult& result) override;
  void flow_gone(std::uint32_t flow_id) override;
  void refused(const std::string& peer, const std::string& reason) override;
  void draining(std::uint32_t sessions, std::uint32_t flows) override;
  void status(const ReceiverStatus& status) override;
  void warning(const std::string& text) override;

  /// The ends of flows at this time; the observer's calls take the clock's.
  void flow_over(std::uint32_t flow_id, const std::string& end, Time now);

 private:
  static constexpr std::size_t kKinds = std::variant_size_v<FlowResult>;

  /// What runs, or has ended a moment ago.
  struct Flow {
    std::size_t kind = 0;
    FlowFigures figures;
    bool listed = false;  // has series of its own
    bool over = false;
    Time ended{};
  };
  struct Kind {
    std::uint64_t started = 0;
    std::map<std::string, std::uint64_t> ended;  // by how
    FlowFigures figures;
    RisingSum lost;  // of flows that are over
  };
  struct Counter {
    std::uint64_t now = 0;
    std::uint64_t total = 0;
  };

  bool room_for_one(Time now);
  void write_process(MetricsText& text) const;
  void write_service(MetricsText& text) const;
  void write_sums(MetricsText& text) const;
  void write_flows(MetricsText& text, Time now) const;

  mutable std::mutex mutex_;
  Counter sessions_;
  Counter followers_;
  std::array<Kind, kKinds> kinds_;
  std::map<std::uint32_t, Flow> flows_;  // by id
  std::uint64_t unlisted_ = 0;           // that run
  std::map<std::string, std::uint64_t> refused_;
  std::uint64_t dial_failures_ = 0;
  std::uint64_t warnings_ = 0;
  std::uint64_t answered_ = 0;  // exchanges of flows that are over
  bool draining_ = false;
  ReceiverStatus status_;
  std::string hook_ = "none";
  std::string interfaces_;
};

}  // namespace paceline::receiver
