// SPDX-License-Identifier: MIT
//
// What a receiver grants. Pure.
#pragma once

#include <asio/ip/address.hpp>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "paceline/flow.h"
#include "paceline/receiver.h"

namespace paceline::receiver {

/// What a flow asks of the path, in one direction; infinite for what goes as fast as can be.
struct Demand {
  double rate_pps = 0;     ///< packets, or exchanges, per second; a TCP stream has none
  double bitrate_bps = 0;  ///< of payload; exchanges have none
};
Demand demand_of(const FlowSpec& spec);

/// Which limit a flow exceeds by itself, by its name and figure; empty if none.
std::string beyond_limits(const FlowSpec& spec, const ReceiverLimits& limits);

/// The flows that were granted and are not over, held against the limits of a client and of all. A client is an IP
/// address: behind source NAT that of the node.
class GrantedFlows {
 public:
  /// Why there is no room for one more; empty if there is.
  std::string no_room(const asio::ip::address& client, const FlowSpec& spec, const ReceiverLimits& limits) const;

  void add(std::uint32_t id, const asio::ip::address& client, const FlowSpec& spec);
  void remove(std::uint32_t id) { flows_.erase(id); }
  bool contains(std::uint32_t id) const { return flows_.contains(id); }
  bool empty() const { return flows_.empty(); }
  std::size_t size() const { return flows_.size(); }

 private:
  struct Granted {
    asio::ip::address client;
    Demand demand;
  };
  std::unordered_map<std::uint32_t, Granted> flows_;
};

}  // namespace paceline::receiver
