// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "paceline/clock.h"
#include "receiver/door_lobby.h"
#include "receiver/stamping.h"
#include "traffic/file_descriptor.h"
#include "traffic/worker.h"

namespace paceline::receiver {

/// A thread that accepts connections of the data port and answers probes on them.
class DoorWorker {
 public:
  /// The `listening` sockets are non-blocking and shared with other workers. Throws SetupError.
  DoorWorker(const std::vector<int>& listening, Lobby& lobby);
  ~DoorWorker();
  DoorWorker(const DoorWorker&) = delete;
  DoorWorker& operator=(const DoorWorker&) = delete;

  void start(const StampLadder& ladder, const traffic::WorkerOptions& options, std::size_t index);
  /// Takes a connection in whose first bytes are unread. From any thread.
  void adopt(traffic::FileDescriptor connection);
  /// Probes, since it began. From any thread.
  std::uint64_t answered() const { return answered_.load(std::memory_order_relaxed); }

 private:
  void run(const std::stop_token& stop);
  void listen();
  void accept_some(int listening);
  void listen_again(ReceiverTime now);
  void take(traffic::FileDescriptor connection);
  std::shared_ptr<Guest> welcome(traffic::FileDescriptor connection, const ProbeReader& reader);
  void watch(Guest& guest);
  void serve(const std::shared_ptr<Guest>& guest);
  void admit(const std::shared_ptr<Guest>& guest, const std::shared_ptr<DoorFlow>& flow, const packet::Probe& probe,
             ReceiverTime received);
  bool answer(int socket, const packet::Probe& probe, const packet::Nonce& nonce, ReceiverTime received, int flags);
  void answer_exchange(int socket, DoorFlow& flow, const packet::Probe& probe, ReceiverTime received);
  void dismiss(Guest& guest);

  std::vector<int> listening_;
  Lobby& lobby_;
  const StampLadder* ladder_ = nullptr;
  traffic::FileDescriptor epoll_;
  traffic::FileDescriptor bell_;
  std::atomic<std::uint64_t> answered_{0};
  ReceiverTime listen_again_at_ = ReceiverTime::max();  // max(): it listens
  std::jthread thread_;
};

}  // namespace paceline::receiver
