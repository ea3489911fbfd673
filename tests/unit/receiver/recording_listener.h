// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "receiver/flow.h"

namespace paceline::receiver {

/// What a flow told, for a test to look at: on the same thread, or after waiting for it.
struct Told {
  struct Confirmed {
    std::uint32_t attempt;
    std::string arrived_at;
    std::string seen_from;
    Stamping stamping;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Confirmed> confirmed;
  std::vector<PacketInterval> intervals;
  int finished = 0;
  ReceiverTime finished_at{};
  std::uint32_t socket_flows = 0;
  Arrivals arrivals;
  std::uint64_t echoes_unsent = 0;

  /// Waits until `holds`; false if it did not come to that for long.
  template <class Condition>
  bool wait_until(Condition holds) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), holds);
  }

  Received total() const {
    PacketFlowResult result;
    for (const PacketInterval& interval : intervals) decoder::accumulate(result, interval);
    return result.received;
  }
};

class RecordingListener : public FlowListener {
 public:
  explicit RecordingListener(std::shared_ptr<Told> told) : told_(std::move(told)) {}

  void path_confirmed(std::uint32_t attempt, const traffic::Address& arrived_at, const traffic::Address& seen_from,
                      const Stamping& stamping) override {
    note([&] { told_->confirmed.push_back({attempt, arrived_at.to_string(), seen_from.to_string(), stamping}); });
  }
  void interval(PacketInterval&& interval) override {
    note([&] { told_->intervals.push_back(std::move(interval)); });
  }
  void finished(const FlowEnd& end, std::unique_ptr<decoder::RecordWriter>) override {
    note([&] {
      ++told_->finished;
      told_->finished_at = end.when;
      told_->socket_flows = end.socket_flows;
      told_->arrivals = end.arrivals;
      told_->echoes_unsent = end.echoes_unsent;
    });
  }

 private:
  template <class Change>
  void note(Change change) {
    const std::scoped_lock lock(told_->mutex);
    change();
    told_->changed.notify_all();
  }

  std::shared_ptr<Told> told_;
};

}  // namespace paceline::receiver
