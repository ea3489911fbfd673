// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "bpf/tcp_arrivals.h"
#include "paceline/clock.h"
#include "proto/packet.h"
#include "receiver/tcp_door.h"
#include "traffic/file_descriptor.h"

namespace paceline::receiver {

/// A flow as the door knows it.
struct DoorFlow {
  std::uint32_t id = 0;
  packet::Secret secret{};
  DoorPolicy policy = DoorPolicy::streams;
  std::size_t most = 0;
  std::shared_ptr<TcpDoorListener> listener;
  std::atomic<std::uint64_t> answered{0};  // exchanges
};

/// Reads a connection's next probe, however its bytes trickle in, and never a byte beyond it.
class ProbeReader {
 public:
  enum class Outcome { whole, waiting, over };
  Outcome read(int socket);
  bool whole() const { return have_ == bytes_.size(); }
  /// What it is, if it is one, once it is whole; starts on the next.
  std::optional<packet::Probe> take();
  /// Bytes read from the connection so far.
  std::uint64_t total() const { return total_; }

 private:
  std::array<std::uint8_t, packet::kProbeSize> bytes_{};
  std::size_t have_ = 0;
  std::uint64_t total_ = 0;
};

/// A connection that waits, for its first probe or to be claimed.
struct Guest {
  std::uint64_t number = 0;  // of its arrival
  ReceiverTime arrived{};
  int epoll = -1;  // of the worker that watches it

  std::mutex mutex;                // of what follows: its worker answers it, others claim or close it
  traffic::FileDescriptor socket;  // none: claimed or closed
  ProbeReader reader;
  std::shared_ptr<DoorFlow> flow;  // known once its first probe is answered
  std::uint32_t attempt = 0;
  packet::Nonce nonce{};
  std::unique_ptr<bpf::TcpArrivals> arrivals;
};

/// The door's flows and the connections that wait in it. From any thread. Its mutex is held for look-ups only, and
/// never while a guest's is taken; a guest's may be held when it is called.
class Lobby {
 public:
  void add(std::shared_ptr<DoorFlow> flow);
  /// The probe's flow, if it shows its secret.
  std::shared_ptr<DoorFlow> find(const packet::Probe& probe) const;
  std::uint64_t answered(std::uint32_t flow_id) const;
  std::vector<traffic::TcpStream> claim(std::uint32_t flow_id, const std::vector<std::uint32_t>& attempts);
  std::uint64_t remove(std::uint32_t flow_id);

  /// Takes a stranger in; the oldest makes room.
  void enter(const std::shared_ptr<Guest>& guest);
  /// Makes a stranger one of its flow's. False if the flow is gone, has `most` or has its attempt already.
  bool seat(const std::shared_ptr<Guest>& guest);
  std::shared_ptr<Guest> find(std::uint64_t number) const;
  void leave(const Guest& guest);

  /// Closes those whose time is over. Returns when the next one's will be; max() if none waits.
  ReceiverTime expire(ReceiverTime now);
  /// False if there is none.
  bool close_oldest_stranger();

 private:
  using Guests = std::map<std::uint64_t, std::shared_ptr<Guest>>;  // in the order of their arrival
  struct Entry {
    std::shared_ptr<DoorFlow> flow;
    std::unordered_map<std::uint32_t, std::shared_ptr<Guest>> by_attempt;
  };

  mutable std::mutex mutex_;
  std::unordered_map<std::uint32_t, Entry> flows_;
  Guests strangers_;
  Guests seated_;
};

}  // namespace paceline::receiver
