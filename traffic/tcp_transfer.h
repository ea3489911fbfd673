// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bpf/tcp_arrivals.h"
#include "paceline/clock.h"
#include "paceline/flow.h"
#include "paceline/result.h"
#include "traffic/file_descriptor.h"
#include "traffic/tcp_granules.h"
#include "traffic/tcp_options.h"
#include "traffic/worker.h"

namespace paceline::traffic {

/// A connection that carries a stream: connected, non-blocking, with nothing unread.
struct TcpStream {
  FileDescriptor socket;
  std::uint64_t read_before = 0;               ///< bytes that were read from it until now: the hook counts them too
  std::unique_ptr<bpf::TcpArrivals> arrivals;  ///< what the TC hook sees of it; null without a hook. Sinks only
};

struct TcpTransferSpec {
  TcpFlowSpec flow;
  bool source = true;    ///< this end writes; else it reads
  nanoseconds start{0};  ///< the flow's start, this end's CLOCK_MONOTONIC
  WorkerOptions workers;
  nanoseconds timens_offset{0};  ///< what this process's CLOCK_MONOTONIC is ahead of the hook's
  /// How long a source whose peer takes nothing, or a sink that reads nothing though the flow is over, waits. In all,
  /// streams may go on for twelve times this after the flow's end.
  nanoseconds patience = std::chrono::seconds(5);
};

/// What became of one stream at this end.
struct TcpStreamOutcome {
  nanoseconds first{0};  ///< of the first and last byte written or read in the measured part, since the flow's start
  nanoseconds last{0};
  TcpInfo info;       ///< at the end; of a source
  std::string ended;  ///< why before its time; empty if not
};

struct TcpTransferOutcome {
  std::vector<TcpStreamOutcome> streams;
  CpuTime cpu;             ///< of the measured part
  std::string congestion;  ///< as used; of a source
  std::vector<std::string> warnings;
};

/// Called on a worker's thread, one call at a time.
class TcpTransferListener {
 public:
  virtual ~TcpTransferListener() = default;
  /// What this end knows of an interval, in order; the last one has `last` set.
  virtual void interval(TcpInterval&& interval) = 0;
  /// The last call.
  virtual void finished(TcpTransferOutcome&& outcome) = 0;
};

/// One end of a TCP flow's streams, on a worker per core. A source writes until the duration or the bytes are over, to
/// the schedule of its bitrate if it has one, then shuts each stream down for writing; it is finished when all of a
/// stream's bytes are acknowledged or its patience is over. A sink reads each stream to its end. A stream that breaks
/// ends alone; the others go on.
class TcpTransfer {
 public:
  /// Throws SetupError: no stream, no thread, no descriptor left.
  /// `sinks` makes a GranuleSink for each worker; may be empty when no stream has arrivals.
  TcpTransfer(const TcpTransferSpec& spec, std::vector<TcpStream> streams,
              std::unique_ptr<TcpTransferListener> listener,
              const std::function<std::unique_ptr<GranuleSink>()>& sinks = {});
  /// Breaks off what still runs; finished() is called before it returns.
  ~TcpTransfer();
  TcpTransfer(const TcpTransfer&) = delete;
  TcpTransfer& operator=(const TcpTransfer&) = delete;

  /// From any thread. A source stops writing, a sink takes what is under way for `patience` at most.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline::traffic
