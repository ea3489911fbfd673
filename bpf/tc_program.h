// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpf/flow_counts.h"
#include "bpf/tc_hook.h"
#include "bpf/tc_stamp.h"
#include "bpf/tcp_rings.h"

struct tc_stamp;

namespace paceline::bpf {

/// The program in the kernel, with its port map filled in; attached to nothing.
class TcProgram {
 public:
  /// `map_rings`: where the kernel can. Throws AttachError.
  TcProgram(std::uint16_t udp_port, const std::vector<std::uint16_t>& tcp_ports, bool map_rings = true);

  /// The program for an interface that delivers an Ethernet header, or none.
  int fd(bool ethernet) const;
  /// As the kernel lists it.
  std::uint32_t id(bool ethernet) const;

  /// `slot` as in tc_stamp.h. Throws AttachError.
  TcHook::Counters counters(unsigned slot) const;

  FlowCounts& flows() { return *flows_; }

  /// nullopt when it is not known, or the kernel refuses to read it.
  std::optional<paceline_tc_connection> connection(const paceline_tc_key& key) const;
  const TcpRings& rings() const { return *rings_; }

  /// Whether `name`, as a filter carries it ("program:[id]"), is that of a program of this kind.
  static bool is_ours(const std::string& name);

 private:
  struct Unload {
    void operator()(tc_stamp* skeleton) const;
  };
  std::unique_ptr<tc_stamp, Unload> skeleton_;
  unsigned cpus_ = 0;
  std::unique_ptr<FlowCounts> flows_;
  std::unique_ptr<TcpRings> rings_;
};

}  // namespace paceline::bpf
