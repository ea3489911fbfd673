// SPDX-License-Identifier: MIT
#include "bpf/tc_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "bpf/libbpf_log.h"
#include "bpf/refusal.h"
#include "bpf/tc_stamp.skel.h"
#include "bpf/unique_fd.h"

namespace paceline::bpf {
namespace {

AttachError cannot_load(int error, const LibbpfLog& log) {
  return AttachError("loading the TC program: " + refusal(error, log.last_warning()));
}

bool kernel_maps_arrays() {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = BPF_F_MMAPABLE;
  return static_cast<bool>(UniqueFd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "mappable", 4, 8, 1, &options)));
}

}  // namespace

TcProgram::TcProgram(std::uint16_t udp_port, const std::vector<std::uint16_t>& tcp_ports, bool map_rings) {
  LibbpfLog log;
  skeleton_.reset(tc_stamp__open());
  if (!skeleton_) throw cannot_load(errno, log);
  if (!map_rings || !kernel_maps_arrays()) bpf_map__set_map_flags(skeleton_->maps.rings, 0);
  if (const int error = tc_stamp__load(skeleton_.get()); error != 0) throw cannot_load(-error, log);

  auto ports = std::make_unique<paceline_tc_ports>();
  if (udp_port != 0) ports->udp[udp_port] = PACELINE_TC_UDP;
  for (const std::uint16_t port : tcp_ports) ports->tcp[port] = PACELINE_TC_TCP;
  const __u32 zero = 0;
  const int map = bpf_map__fd(skeleton_->maps.ports);
  if (const int error = bpf_map_update_elem(map, &zero, ports.get(), BPF_ANY); error != 0)
    throw cannot_load(-error, log);

  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 1) throw AttachError("reading the number of CPUs from /sys: " + refusal(-cpus, log.last_warning()));
  cpus_ = static_cast<unsigned>(cpus);

  flows_ = std::make_unique<FlowCounts>(map, bpf_map__fd(skeleton_->maps.flows), std::move(ports), udp_port, cpus_);
  rings_ = std::make_unique<TcpRings>(bpf_map__fd(skeleton_->maps.rings));
}

void TcProgram::Unload::operator()(tc_stamp* skeleton) const { tc_stamp__destroy(skeleton); }

int TcProgram::fd(bool ethernet) const {
  return bpf_program__fd(ethernet ? skeleton_->progs.paceline_ether : skeleton_->progs.paceline_other);
}

std::uint32_t TcProgram::id(bool ethernet) const {
  bpf_prog_info info{};
  __u32 size = sizeof(info);
  return bpf_obj_get_info_by_fd(fd(ethernet), &info, &size) == 0 ? info.id : 0;
}

TcHook::Counters TcProgram::counters(unsigned slot) const {
  const __u32 zero = 0;
  std::vector<paceline_tc_counts> of_cpus(cpus_);
  if (const int error = bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.counts), &zero, of_cpus.data()); error != 0)
    throw AttachError("reading the TC program's counters: " + refusal(-error, ""));

  TcHook::Counters sum;
  for (const paceline_tc_counts& counts : of_cpus) {
    sum.packets += counts.slot[slot].packets;
    sum.bytes += counts.slot[slot].bytes;
    sum.skbs += counts.slot[slot].skbs;
  }
  return sum;
}

std::optional<paceline_tc_connection> TcProgram::connection(const paceline_tc_key& key) const {
  paceline_tc_connection record{};
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.connections), &key, &record) != 0) return std::nullopt;
  return record;
}

bool TcProgram::is_ours(const std::string& name) {
  static constexpr std::array<std::string_view, 2> kNames{"paceline_ether:[", "paceline_other:["};
  return std::any_of(kNames.begin(), kNames.end(), [&](std::string_view own) { return name.starts_with(own); });
}

}  // namespace paceline::bpf
