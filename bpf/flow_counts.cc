// SPDX-License-Identifier: MIT
#include "bpf/flow_counts.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include <utility>
#include <vector>

namespace paceline::bpf {

FlowCounts::FlowCounts(int ports_map, int flows_map, std::unique_ptr<paceline_tc_ports> ports, std::uint16_t udp_port,
                       unsigned cpus)
    : ports_map_(ports_map), flows_map_(flows_map), udp_port_(udp_port), cpus_(cpus), ports_(std::move(ports)) {}

void FlowCounts::add(std::uint32_t id) {
  const std::uint32_t key = htonl(id);
  const std::vector<paceline_tc_count> zero(cpus_);
  const std::lock_guard lock(mutex_);
  if (bpf_map_update_elem(flows_map_, &key, zero.data(), BPF_NOEXIST) == 0 && ++flows_ == 1) look_at_packets(true);
}

std::optional<TcHook::FlowCount> FlowCounts::of(std::uint32_t id) const {
  const std::uint32_t key = htonl(id);
  std::vector<paceline_tc_count> of_cpus(cpus_);
  if (bpf_map_lookup_elem(flows_map_, &key, of_cpus.data()) != 0) return std::nullopt;
  TcHook::FlowCount sum;
  for (const paceline_tc_count& count : of_cpus) {
    sum.datagrams += count.packets;
    sum.bytes += count.bytes;
    sum.skbs += count.skbs;
  }
  return sum;
}

void FlowCounts::remove(std::uint32_t id) {
  const std::uint32_t key = htonl(id);
  const std::lock_guard lock(mutex_);
  if (bpf_map_delete_elem(flows_map_, &key) == 0 && --flows_ == 0) look_at_packets(false);
}

// Writes the whole map, of which one byte changes: the program, reading the others meanwhile, sees what they were.
void FlowCounts::look_at_packets(bool look) {
  if (udp_port_ == 0) return;
  const __u32 zero = 0;
  ports_->udp[udp_port_] = static_cast<__u8>(PACELINE_TC_UDP | (look ? PACELINE_TC_PER_FLOW : 0));
  bpf_map_update_elem(ports_map_, &zero, ports_.get(), BPF_ANY);
}

}  // namespace paceline::bpf
