// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "receiver/data_worker.h"
#include "receiver/flow.h"
#include "receiver/stamping.h"
#include "traffic/worker.h"

namespace paceline::receiver {

/// The UDP data port: several workers, each with two sockets of one SO_REUSEPORT group. A flow belongs to one socket by
/// its id, which the kernel reads from each datagram.
class DataPath {
 public:
  using Bound = DataWorker::Bound;
  using Started = DataWorker::Started;

  /// Binds `bind`:`port` (empty: all addresses of both families; 0: any free port); nothing is read before open().
  /// Another receiver on the port is for TcpDoor to refuse. Throws SetupError, UsageError for an address that is none.
  DataPath(const std::string& bind, std::uint16_t port, traffic::WorkerOptions workers);
  ~DataPath();
  DataPath(const DataPath&) = delete;
  DataPath& operator=(const DataPath&) = delete;

  /// Starts the workers, once. `timens_offset`: what this process's CLOCK_MONOTONIC is ahead of the kernel's, in which
  /// the TC program stamps.
  void open(const StampLadder& ladder, nanoseconds timens_offset);

  std::uint16_t port() const { return port_; }
  /// Receive buffer of the sockets that take datagrams one by one.
  std::size_t buffer_bytes() const { return buffer_bytes_; }
  /// What its workers have done since they began, together.
  DataWorker::Counts counts() const;
  /// What become_worker() said, once a reason.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // From any thread after open(); carried out in order for each flow.
  /// A random flow id, not in use, of the worker that has the fewest flows. `coalesce`: for a flow whose datagrams may
  /// come as super-packets (UDP_GRO), which is fast and blurs delays.
  std::uint32_t choose_id(bool coalesce);
  void add(std::unique_ptr<Flow> flow);
  /// `told` on the worker's thread.
  void bind(std::uint32_t flow_id, const packet::Nonce& nonce, std::function<void(const Bound&)> told);
  /// `told` on the worker's thread, or on this one when there is no memory for the flow's statistics.
  void start(const decoder::FlowStart& start, std::unique_ptr<decoder::RecordWriter> writer,
             std::function<void(const Started&)> told);
  /// Sends a knock by the flow's socket, so from the data port.
  void knock(const packet::Knock& knock, const traffic::Address& to);
  void done(std::uint32_t flow_id, std::uint64_t sent_packets);
  /// Ends the flow if it runs, and forgets it. `told` on the worker's thread: how many exchanges were answered.
  void remove(std::uint32_t flow_id, std::function<void(std::uint64_t answered)> told = {});

 private:
  std::uint32_t sockets() const { return static_cast<std::uint32_t>(2 * workers_.size()); }
  DataWorker& worker_of(std::uint32_t flow_id) { return *workers_[flow_id % sockets() / 2]; }

  std::uint16_t port_ = 0;
  std::size_t buffer_bytes_ = 0;
  traffic::WorkerOptions options_;
  std::vector<traffic::DataSocket> unread_;  // until open()
  std::vector<std::string> warnings_;
  std::vector<std::unique_ptr<DataWorker>> workers_;
};

}  // namespace paceline::receiver
