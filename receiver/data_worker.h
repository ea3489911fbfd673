// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <queue>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "receiver/flow.h"
#include "receiver/stamping.h"
#include "traffic/data_socket.h"
#include "traffic/file_descriptor.h"
#include "traffic/worker.h"

namespace paceline::receiver {

/// A thread that takes the datagrams of its two sockets, stamps them and hands them to their flows. The packet path
/// locks and allocates nothing: what other threads want done waits in a mailbox that is looked into when its bell
/// rings.
class DataWorker {
 public:
  /// What became of a flow's binding.
  struct Bound {
    std::string refused;  // empty: it is bound
    Stamping stamping;
  };

  /// What became of its start.
  struct Started {
    std::string refused;  // empty: it takes packets
    std::uint64_t duplicate_window = 0;
  };

  DataWorker(traffic::DataSocket plain, traffic::DataSocket coalescing, const StampLadder& ladder,
             nanoseconds timens_offset, const traffic::WorkerOptions& options, std::size_t index);
  ~DataWorker();
  DataWorker(const DataWorker&) = delete;
  DataWorker& operator=(const DataWorker&) = delete;

  /// What become_worker() said; waits until it has.
  std::string warning() { return become_.get_future().get(); }

  /// What it has done since it began.
  struct Counts {
    std::uint64_t probes_answered = 0;
    std::uint64_t socket_drops = 0;  // that were noticed: while flows run, and when one starts
    std::uint64_t strays = 0;        // datagrams of no flow that it has
  };

  // From any thread.
  Counts counts() const;
  std::size_t flows() const;
  bool holds(std::uint32_t flow_id) const;

  // From any thread, carried out in order.
  void add(std::unique_ptr<Flow> flow);
  void bind(std::uint32_t flow_id, const packet::Nonce& nonce, std::function<void(const Bound&)> told);
  void start(FlowIntake intake, std::function<void(const Started&)> told);
  void done(std::uint32_t flow_id, std::uint64_t sent_packets);
  void remove(std::uint32_t flow_id, std::function<void(std::uint64_t answered)> told);
  void knock(const packet::Knock& knock, const traffic::Address& to);

 private:
  struct Socket {
    explicit Socket(traffic::DataSocket taken) : socket(std::move(taken)) {}
    traffic::DataSocket socket;
    std::uint64_t drops = 0;    // as last shared out
    std::uint32_t running = 0;  // flows that take packets
    std::uint32_t echoing = 0;  // of these: whose packets go back
  };
  struct Held {
    std::unique_ptr<Flow> flow;
    Socket& socket;
    ReceiverTime alarm = ReceiverTime::max();
  };
  /// When a flow is due; void when the flow's alarm is another one.
  struct Alarm {
    ReceiverTime time;
    std::uint32_t flow_id;
    bool operator>(const Alarm& other) const { return time > other.time; }
  };

  void post(std::function<void()> task);
  void run(const std::stop_token& stop);
  void read_mailbox();
  bool take_batch(Socket& socket);
  void send_back(Socket& socket, std::span<const traffic::Datagram> batch);
  void take(Socket& socket, const traffic::Datagram& arrived, ReceiverTime now);
  std::size_t take_data(const packet::Header& header, const traffic::Datagram& arrived, const Flow*& counted,
                        ReceiverTime now);
  void take_probe(Socket& socket, const traffic::Datagram& datagram, ReceiverTime now);
  void count_at_hook(FlowIntake& intake) const;
  ReceiverTime receive_stamp(Hook hook, const traffic::KernelStamp& stamp) const;
  void ring_alarms(ReceiverTime now);
  void set_alarm(Held& held);
  void share_drops(Socket& socket, ReceiverTime now);
  void enable_netstamp();
  Held* find(std::uint32_t flow_id);
  void forget(std::uint32_t flow_id);

  Socket plain_;
  Socket coalescing_;
  const StampLadder& ladder_;
  nanoseconds timens_offset_;
  bool netstamp_ = false;
  nanoseconds realtime_offset_{0};  // of the batch in hand, while netstamp_ is on
  std::unordered_map<std::uint32_t, Held> flows_;
  std::array<Flow*, traffic::DataSocket::kBatch> echoed_{};  // whose packets send_back() sends, by their order
  std::priority_queue<Alarm, std::vector<Alarm>, std::greater<>> alarms_;

  // Written by its thread alone.
  std::atomic<std::uint64_t> probes_answered_{0};
  std::atomic<std::uint64_t> socket_drops_{0};
  std::atomic<std::uint64_t> strays_{0};

  traffic::FileDescriptor bell_;
  mutable std::mutex mailbox_mutex_;
  std::vector<std::function<void()>> mailbox_;
  std::unordered_set<std::uint32_t> ids_;  // of the flows that it holds, those in the mailbox included
  std::promise<std::string> become_;
  std::jthread thread_;
};

}  // namespace paceline::receiver
