// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "bpf/tc_hook.h"
#include "bpf/tc_stamp.h"

namespace paceline::bpf {

/// The UDP flows that the TC program counts one by one (map `flows`). The port's packets are looked at for that only
/// while there is such a flow. Thread-safe; an error of the kernel's means that the flow is not counted.
class FlowCounts {
 public:
  /// Of the maps `ports` and `flows`, which outlive it; `ports`: what the first of them holds.
  FlowCounts(int ports_map, int flows_map, std::unique_ptr<paceline_tc_ports> ports, std::uint16_t udp_port,
             unsigned cpus);

  void add(std::uint32_t id);
  std::optional<TcHook::FlowCount> of(std::uint32_t id) const;
  void remove(std::uint32_t id);

 private:
  void look_at_packets(bool look);

  int ports_map_;
  int flows_map_;
  std::uint16_t udp_port_;
  unsigned cpus_;

  std::mutex mutex_;  // of what follows
  std::unique_ptr<paceline_tc_ports> ports_;
  unsigned flows_ = 0;
};

}  // namespace paceline::bpf
