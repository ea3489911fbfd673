// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sender/output.h"

namespace paceline::sender {

/// Hands a run's events to outputs on a thread of its own: who reads slowly, or not at all, does not hold up the run.
/// What waits is bounded; intervals beyond that are left out, counted and warned of.
class OutputLane : public RunObserver {
 public:
  /// At least one output. `what` names them in messages.
  OutputLane(std::string what, std::vector<std::unique_ptr<Output>> outputs);
  ~OutputLane() override;

  void waiting(std::uint16_t port) override;
  void connected(const std::string& address) override;
  void path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) override;
  void interval(std::size_t flow, const PacketInterval& interval) override;
  void interval(std::size_t flow, const TcpInterval& interval) override;
  void interval(std::size_t flow, const ConnectionInterval& interval) override;
  void record(std::size_t flow, const std::filesystem::path& file, std::uint64_t bytes, std::uint64_t of) override;
  void warning(const std::string& text) override;
  void finish(const RunResult& result);

  /// Waits until all is written.
  void close();
  /// What the outputs say of what they wrote, and what could not be written. After close().
  std::vector<std::string> notes() const;
  std::vector<std::string> trouble() const;

 private:
  using Event = std::function<void(Output&)>;
  struct Waiting {
    Event event;
    std::size_t bytes;  // that it holds, about
  };
  static constexpr std::size_t kMostBytes = std::size_t{64} << 20;

  void post(Event event);
  template <class Interval>
  void post_interval(std::size_t flow, const Interval& interval, std::size_t bytes);
  void work();

  const std::string what_;
  std::vector<std::unique_ptr<Output>> outputs_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t left_out_ = 0;  // intervals
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace paceline::sender
