// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "paceline/clock.h"
#include "proto/packet.h"
#include "traffic/file_descriptor.h"
#include "traffic/worker.h"

namespace paceline::traffic {

/// What a connection's records are read for. Called on a reader's thread, one call at a time; times are this end's
/// CLOCK_MONOTONIC.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  /// A record of the flow, `size` bytes of packet, was in this process's hands at `now`. Must not block, lock or
  /// allocate.
  virtual void record(const packet::Header& header, std::uint32_t size, nanoseconds now) = 0;
  /// Does what is due by `now`. Returns when to be called again at the latest.
  virtual nanoseconds tick(nanoseconds now) = 0;
  /// No more records come: the other end has closed (`why` is empty), the connection broke, or sent what it must not.
  virtual void ended(const std::string& why, nanoseconds now) = 0;
};

/// A connection that carries a flow's records: connected, non-blocking, nothing unread.
struct RecordConnection {
  std::shared_ptr<const FileDescriptor> socket;
  bool sctp = false;  ///< a record is a message; else TCP
  std::uint32_t flow_id = 0;
  packet::Type type = packet::Type::data;  ///< of its records
  std::uint32_t least = 0;                 ///< bytes of a packet
  std::uint32_t largest = 0;
  bool echo = false;  ///< each record is sent back, as packet::Type::echo
};

/// Reads the records of many connections on a worker per core, each started with its first connection. What is no
/// record of the flow ends its connection and harms no other. Memory is bounded: a record a connection, and where they
/// are sent back what one read brought; while the other end does not take its echoes, nothing is read from it.
class RecordReader {
 public:
  explicit RecordReader(WorkerOptions options);
  /// Forgets the connections; their sinks are told nothing.
  ~RecordReader();
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  /// Reads from now on. Returns its number. From one thread; throws SetupError.
  std::uint64_t add(RecordConnection connection, std::unique_ptr<RecordSink> sink);

  // From any thread, carried out in order.
  /// Calls `what` on the reader's thread, then the sink's tick(), unless the connection was removed.
  void post(std::uint64_t number, std::function<void(RecordSink& sink, nanoseconds now)> what);
  /// Destroys the sink, on the reader's thread, and lets go of the socket.
  void remove(std::uint64_t number);

 private:
  class Worker;

  Worker& worker_of(std::uint64_t number) { return *workers_[number % workers_.size()]; }

  WorkerOptions options_;
  std::uint64_t next_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace paceline::traffic
