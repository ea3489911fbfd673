// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "paceline/receiver.h"
#include "paceline/sender.h"

namespace paceline {

using namespace std::chrono_literals;

/// Keeps what a receiver told; asserts that it was told on one thread.
class ServeLog : public ReceiverObserver {
 public:
  void listening(std::uint16_t port, std::uint16_t data_port) override {
    note([&] {
      ports = {port, data_port};
      up = true;
    });
  }
  void session_opened(const std::string&) override {
    note([&] { ++opened; });
  }
  void session_closed(const std::string&, const std::string& why) override {
    note([&] { closed.push_back(why); });
  }
  void flow_started(const FlowResult& flow) override {
    note([&] { started.push_back(std::visit([](const auto& any) { return any.flow_id; }, flow)); });
  }
  void interval(std::uint32_t, const PacketInterval&) override {
    note([&] { ++intervals; });
  }
  void interval(std::uint32_t, const TcpInterval&) override {
    note([&] { ++intervals; });
  }
  void flow_finished(const FlowResult& result) override {
    note([&] { finished.push_back(result); });
  }

  template <class Condition>
  bool wait_until(Condition holds) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, holds);
  }

  std::mutex mutex;
  std::condition_variable changed;
  bool up = false;
  std::pair<std::uint16_t, std::uint16_t> ports;
  int opened = 0, intervals = 0;
  std::vector<std::string> closed;
  std::vector<std::uint32_t> started;
  std::vector<FlowResult> finished;
  std::thread::id thread;
  bool one_thread = true;

 private:
  template <class Change>
  void note(Change change) {
    const std::scoped_lock lock(mutex);
    if (thread == std::thread::id()) thread = std::this_thread::get_id();
    one_thread = one_thread && thread == std::this_thread::get_id();
    change();
    changed.notify_all();
  }
};

/// A receiver on free ports, in a thread of its own.
class Receiver {
 public:
  explicit Receiver(ReceiverSpec spec = {}) {
    spec.port = spec.data_port = 0;
    spec.tc = TcMode::off;
    thread_ = std::jthread([this, spec](const std::stop_token& stop) { serve(spec, log, stop); });
    EXPECT_TRUE(log.wait_until([&] { return log.up; }));
  }
  ~Receiver() { stop(); }

  void stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  void request_stop() { thread_.request_stop(); }
  Endpoint at(const std::string& host = "127.0.0.1") const { return {host, log.ports.first}; }

  ServeLog log;

 private:
  std::jthread thread_;
};

/// Keeps what a run told, and does what the test wants in the middle of it.
class RunLog : public RunObserver {
 public:
  void waiting(std::uint16_t port) override { note(), waited_at = port; }
  void connected(const std::string& address) override { note(), connected_to = address; }
  void path_confirmed(std::size_t flow, const PathResult& path, const Stamping&) override {
    note();
    paths.emplace_back(flow, path);
  }
  void interval(std::size_t flow, const PacketInterval& interval) override {
    note();
    if (intervals.size() <= flow) intervals.resize(flow + 1);
    intervals[flow].push_back(interval);
    if (on_interval) on_interval();
  }
  void interval(std::size_t, const TcpInterval& interval) override {
    note();
    tcp_intervals.push_back(interval);
    if (on_interval) on_interval();
  }
  void interval(std::size_t, const ConnectionInterval& interval) override {
    note();
    connection_intervals.push_back(interval);
    if (on_interval) on_interval();
  }
  void finished(std::size_t flow, const FlowResult&) override { note(), finished_flows.push_back(flow); }
  void warning(const std::string& text) override { note(), warnings.push_back(text); }

  std::function<void()> on_interval;
  std::uint16_t waited_at = 0;
  std::string connected_to;
  std::vector<std::pair<std::size_t, PathResult>> paths;
  std::vector<std::vector<PacketInterval>> intervals;
  std::vector<TcpInterval> tcp_intervals;
  std::vector<ConnectionInterval> connection_intervals;
  std::vector<std::size_t> finished_flows;
  std::vector<std::string> warnings;
  std::thread::id thread = std::this_thread::get_id();  // of run()'s caller
  bool one_thread = true;

 private:
  void note() { one_thread = one_thread && thread == std::this_thread::get_id(); }
};

inline PacketFlowSpec& udp(RunSpec& spec, std::size_t flow = 0) {
  return std::get<PacketFlowSpec>(spec.flows.at(flow));
}
inline const PacketFlowResult& udp(const RunResult& result, std::size_t flow = 0) {
  return std::get<PacketFlowResult>(result.flows.at(flow));
}

inline RunSpec run_to(const Endpoint& receiver, nanoseconds duration = 300ms, double rate = 500) {
  RunSpec spec;
  spec.receiver = receiver;
  udp(spec).rate_pps = rate;
  udp(spec).size = 200;
  udp(spec).duration = duration;
  udp(spec).interval = 50ms;
  return spec;
}

}  // namespace paceline
