// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "paceline/result.h"
#include "proto/packet.h"
#include "receiver/stamping.h"
#include "traffic/address.h"
#include "traffic/file_descriptor.h"
#include "traffic/tcp_transfer.h"
#include "traffic/worker.h"

namespace paceline::receiver {

/// Told of a flow's connections, on the door's threads.
class TcpDoorListener {
 public:
  virtual ~TcpDoorListener() = default;
  /// The first probe of a connection was answered. Not called for flows of exchanges.
  virtual void path_confirmed(std::uint32_t attempt, const traffic::Address& arrived_at,
                              const traffic::Address& seen_from, const Stamping& stamping) = 0;
};

/// What a flow's connections are for.
enum class DoorPolicy {
  streams,    ///< they wait, their probes answered, until claimed
  exchanges,  ///< one probe, one reply, closed; counted
};

/// Takes data connections, TCP ones from the data port and from the signalling port, SCTP ones from the data port:
/// reads the probe at their head, answers those that show a flow's secret, closes all others in silence. Every wait has
/// a deadline, and strangers cannot fill it: at most kMostStrangers connections wait for their first probe, the oldest
/// makes room.
class TcpDoor {
 public:
  static constexpr std::size_t kMostStrangers = 1024;
  static constexpr std::chrono::seconds kProbeTime{5};   ///< for the first probe, however its bytes trickle in
  static constexpr std::chrono::seconds kUnclaimed{60};  ///< for a connection that waits to be claimed

  /// Listens on `bind`:`port` (empty: all addresses of both families; 0: any free port), exclusively: also the lock by
  /// which a second receiver on the port is refused. Throws SetupError. Connections are taken when it is opened.
  TcpDoor(const std::string& bind, std::uint16_t port, const traffic::WorkerOptions& workers);
  ~TcpDoor();
  TcpDoor(const TcpDoor&) = delete;
  TcpDoor& operator=(const TcpDoor&) = delete;

  std::uint16_t port() const;
  /// Why SCTP connections are not taken, and what to do; empty if they are.
  const std::string& sctp_refusal() const;

  /// Starts to take connections. `ladder` outlives the door.
  void open(const StampLadder& ladder);

  // From any thread.
  /// Takes a connection over from the signalling port: its first bytes, unread, are a probe's.
  void adopt(traffic::FileDescriptor connection);
  /// `most`: connections of the flow that may wait at a time.
  void add(std::uint32_t flow_id, const packet::Secret& secret, DoorPolicy policy, std::size_t most,
           std::shared_ptr<TcpDoorListener> listener);
  /// Hands the connections out whose first probes had these attempts, in this order, with what the hook sees of each;
  /// nothing when one of them is not there (any more). The flow's others are closed.
  std::vector<traffic::TcpStream> claim(std::uint32_t flow_id, const std::vector<std::uint32_t>& attempts);
  /// Closes the flow's connections and forgets it. Returns how many exchanges were answered.
  std::uint64_t remove(std::uint32_t flow_id);
  std::uint64_t answered(std::uint32_t flow_id) const;
  /// Probes that were answered since it was opened, exchanges among them.
  std::uint64_t probes_answered() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline::receiver
