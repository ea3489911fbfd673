// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "paceline/clock.h"
#include "paceline/flow.h"
#include "paceline/result.h"
#include "proto/packet.h"
#include "traffic/address.h"
#include "traffic/worker.h"

namespace paceline::traffic {

/// Keeps what exchanges took; used by one worker, on its thread: must not block, lock or allocate.
class ExchangeSink {
 public:
  virtual ~ExchangeSink() = default;
  /// In nanoseconds; `connect` is 0 for UDP, `lateness` < 0 for a flow without a rate.
  virtual void completed(std::int64_t connect, std::int64_t first_packet, std::int64_t whole) = 0;
  virtual void started(std::int64_t lateness) = 0;
  /// Adds the distributions of what came since the last take().
  virtual void take(Exchanges& into) = 0;
};

struct ConnectionLoadSpec {
  ConnectionFlowSpec flow;
  Address to;
  std::optional<Address> source;  ///< address to bind to; its port is not used
  std::uint32_t flow_id = 0;
  packet::Secret secret{};
  packet::Nonce nonce{};  ///< that proves this host's address; shown in each UDP request
  std::optional<std::uint32_t> flow_label;
  SenderTime start{};
  WorkerOptions workers;
};

struct ConnectionLoadOutcome {
  nanoseconds span{0};            ///< from the first start to the last completion of the measured part
  std::uint32_t concurrency = 0;  ///< as used
  CpuTime cpu;                    ///< of the measured part
  std::string error;              ///< why it ended early; empty when it did not, or was stopped
  std::vector<std::string> warnings;
};

/// Called on a worker's thread, one call at a time.
class ConnectionLoadListener {
 public:
  virtual ~ConnectionLoadListener() = default;
  /// In order; the last one has `last` set.
  virtual void interval(ConnectionInterval&& interval) = 0;
  /// The last call.
  virtual void finished(ConnectionLoadOutcome&& outcome) = 0;
};

/// Makes exchanges on a worker per core: for each a fresh TCP connection (or UDP socket) to `to`, one probe
/// (proto/README.md) as the request, the receiver's reply, close. With a rate, exchanges start at their due times,
/// whether or not earlier ones are over (open loop), up to `concurrency`; without, as many as that are kept under way.
/// The receiver closes TCP connections first, so that TIME_WAIT does not use up the sender's ports.
class ConnectionLoad {
 public:
  ConnectionLoad(const ConnectionLoadSpec& spec, std::unique_ptr<ConnectionLoadListener> listener,
                 const std::function<std::unique_ptr<ExchangeSink>()>& sinks);
  /// Breaks off what still runs; finished() is called before it returns.
  ~ConnectionLoad();
  ConnectionLoad(const ConnectionLoad&) = delete;
  ConnectionLoad& operator=(const ConnectionLoad&) = delete;

  /// From any thread: starts no more, ends when what is under way is over.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline::traffic
