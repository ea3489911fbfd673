// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "paceline/clock.h"
#include "proto/packet.h"
#include "traffic/file_descriptor.h"
#include "traffic/socket_drops.h"

namespace paceline::traffic {

/// A packet that came back. Not yet known: whether it was ever sent.
struct Echo {
  static constexpr SenderTime kNoStamp = SenderTime::min();

  packet::Header header;
  std::uint32_t size = 0;         // payload, bytes
  SenderTime stamped = kNoStamp;  // by the kernel when it arrived
  SenderTime arrived{};           // in our hands
};

/// What becomes of one flow's echoes, on the reader's thread: must not block, lock or allocate.
class EchoSink {
 public:
  virtual ~EchoSink() = default;
  virtual void echo(const Echo& echo) = 0;
  /// What carries the flow's id and is no echo that it can have: wrong size, wrong type.
  virtual void invalid(SenderTime now) = 0;
  virtual void lost_in_socket(std::uint64_t datagrams, SenderTime now) = 0;
  /// A reply to one of the flow's probes; rare, and may allocate.
  virtual void probe_reply(const packet::ProbeReply& reply, SenderTime now) = 0;

  /// Does what is due by now. False when the flow needs no more reading.
  virtual bool tick(SenderTime now) = 0;
  /// After that: the last call, and the socket is its owner's again.
  virtual void ended() = 0;
  /// When tick() is due; max() if never.
  virtual SenderTime next_tick() const = 0;
};

/// A flow whose packets come back to its socket.
struct EchoFlow {
  int socket = -1;  ///< connected UDP socket; stays the caller's
  std::uint32_t flow_id = 0;
  std::uint32_t least_size = 0, largest_size = 0;  ///< of an echo
  EchoSink* sink = nullptr;
};

/// A thread that reads the sockets of all flows whose packets come back. The packet path locks and allocates nothing.
class EchoReader {
 public:
  /// `fifo_priority` as WorkerOptions'. Throws std::system_error.
  explicit EchoReader(int fifo_priority = 0);
  ~EchoReader();
  EchoReader(const EchoReader&) = delete;
  EchoReader& operator=(const EchoReader&) = delete;

  /// From any thread, as post(); carried out in order. Nobody else may read the socket until the sink's ended();
  /// asks the kernel for receive stamps on it, and for room for a second of echoes.
  void add(const EchoFlow& flow);
  /// Runs `task`, then the ticks of all flows, on the reader's thread.
  void post(std::function<void()> task);

 private:
  struct Buffers;
  struct Held {
    EchoFlow flow;
    SocketDrops drops;
    std::uint64_t dropped = 0;  // as last told
  };

  void run(const std::stop_token& stop);
  void watch(const EchoFlow& flow);
  void read_mailbox();
  void read(Held& held);
  void take(Held& held, std::span<const std::uint8_t> head, std::size_t size, SenderTime stamped, SenderTime now);
  void tick_all(SenderTime now);

  FileDescriptor epoll_;
  FileDescriptor bell_;
  std::unique_ptr<Buffers> buffers_;
  std::vector<std::unique_ptr<Held>> flows_;
  SenderTime next_tick_ = SenderTime::max();
  std::mutex mailbox_mutex_;
  std::vector<std::function<void()>> mailbox_;
  std::jthread thread_;
};

}  // namespace paceline::traffic
