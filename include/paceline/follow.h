// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "paceline/endpoint.h"
#include "paceline/key.h"
#include "paceline/result.h"
#include "paceline/sender.h"
#include "paceline/tls.h"

namespace paceline {

/// What to follow, and until when.
struct FollowSpec {
  Endpoint receiver{"", 9000};  ///< signalling address; names are resolved
  Family family = Family::any;
  std::optional<Key> key{};               ///< proven to the receiver, which must prove that it has it, too
  std::optional<TlsTrust> tls{};          ///< signalling is by TLS alone
  std::vector<std::uint32_t> flow_ids{};  ///< follows these, until they have ended; empty: all, those to come, too
  std::optional<std::uint64_t> flows{};   ///< ends when so many have ended, 1 at least
  bool until_idle = false;                ///< ends when the last flow that runs has ended, after one at least

  static constexpr std::size_t kMaxFlowIds = 4096;
};

/// Told of the flows that run at a receiver, as the receiver knows them, on the thread that called follow(), one call
/// at a time. Must not throw; who takes long is hung up on by the receiver. A flow's started() comes before its rows.
class FollowObserver {
 public:
  virtual ~FollowObserver() = default;
  /// The receiver's address, its host and its program's version.
  virtual void connected(const std::string& address, const Host& receiver, const std::string& version) {
    (void)address, (void)receiver, (void)version;
  }
  /// So many flows run at the beginning.
  virtual void following(std::uint32_t flows) { (void)flows; }
  /// The flow's specification, path, clocks and stamping; it may have run for a while.
  virtual void started(const FlowResult& flow) { (void)flow; }
  virtual void interval(std::uint32_t flow_id, const PacketInterval& interval) { (void)flow_id, (void)interval; }
  virtual void interval(std::uint32_t flow_id, const TcpInterval& interval) { (void)flow_id, (void)interval; }
  virtual void finished(const FlowResult& result) { (void)result; }
  /// Ended without a result.
  virtual void gone(std::uint32_t flow_id, const std::string& why) { (void)flow_id, (void)why; }
};

/// Follows a receiver's flows. Blocks until what `spec` says has ended (returns an empty text), a stop is requested
/// (likewise), or the receiver ends it, which the text returned tells: it was stopped, is gone, or this end read too
/// slowly. Throws UsageError for a spec that makes no sense, and SetupError when there is nothing to follow: nobody
/// answers, the key is wrong, the receiver refuses, no such flow runs.
std::string follow(const FollowSpec& spec, FollowObserver& observer, std::stop_token stop = {});

}  // namespace paceline
