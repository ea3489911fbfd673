// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "receiver/flow.h"
#include "receiver/stamping.h"
#include "traffic/data_socket.h"
#include "traffic/file_descriptor.h"

namespace paceline::receiver {

/// The thread that takes every datagram of the data port, stamps it and hands it to its flow. The packet path locks
/// and allocates nothing: what other threads want done waits in a mailbox that is looked into when its bell rings.
class DataPath {
 public:
  /// What became of a flow's binding, told on the data path's thread.
  struct Bound {
    std::string refused;  // empty: it is bound
    Stamping stamping;
  };

  /// What became of its start.
  struct Started {
    std::string refused;  // empty: it takes packets
    std::uint64_t duplicate_window = 0;
  };

  /// `timens_offset`: what this process's CLOCK_MONOTONIC is ahead of the kernel's, in which the TC program stamps.
  DataPath(traffic::DataSocket socket, const StampLadder& ladder, nanoseconds timens_offset);
  ~DataPath();
  DataPath(const DataPath&) = delete;
  DataPath& operator=(const DataPath&) = delete;

  // From any thread, carried out in order.
  void add(std::unique_ptr<Flow> flow);
  void bind(std::uint32_t flow_id, const packet::Nonce& nonce, std::function<void(const Bound&)> told);
  void start(const decoder::FlowStart& start, std::unique_ptr<decoder::RecordWriter> writer,
             std::function<void(const Started&)> told);
  void done(std::uint32_t flow_id, std::uint64_t sent_packets);
  /// Ends the flow if it runs, and forgets it.
  void remove(std::uint32_t flow_id);

  std::size_t buffer_bytes() const { return buffer_bytes_; }

 private:
  void post(std::function<void()> task);
  void run(const std::stop_token& stop);
  void read_mailbox();
  void take(std::span<const traffic::Datagram> batch);
  void take_data(const packet::Header& header, const traffic::Datagram& datagram, ReceiverTime now);
  void take_probe(const traffic::Datagram& datagram, ReceiverTime now);
  ReceiverTime receive_stamp(Hook hook, const traffic::KernelStamp& stamp) const;
  void tick(ReceiverTime now);
  void share_drops(ReceiverTime now);
  Flow* find(std::uint32_t flow_id);

  traffic::DataSocket socket_;
  std::size_t buffer_bytes_;
  const StampLadder& ladder_;
  nanoseconds timens_offset_;
  bool netstamp_ = false;
  nanoseconds realtime_offset_{0};  // of the batch in hand, while netstamp_ is on
  std::unordered_map<std::uint32_t, std::unique_ptr<Flow>> flows_;
  std::uint32_t running_ = 0;
  std::uint64_t drops_ = 0;
  ReceiverTime next_tick_ = ReceiverTime::max();

  traffic::FileDescriptor bell_;
  std::mutex mailbox_mutex_;
  std::vector<std::function<void()>> mailbox_;
  std::jthread thread_;
};

}  // namespace paceline::receiver
