// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace paceline::bpf {

/// One filter of any kind at the ingress or egress of an interface's clsact qdisc.
struct TcFilter {
  bool ingress = false;
  std::uint32_t handle = 0;
  std::uint32_t priority = 0;
  std::uint32_t program_id = 0;  ///< of a BPF filter
  std::string name;              ///< of a BPF filter, as who attached it gave it
};

/// Every filter of both sides, each side's in the order in which it runs; none when there is no such qdisc. (libbpf
/// only asks for a filter whose handle and priority are known.) Throws std::system_error.
std::vector<TcFilter> list_clsact_filters(unsigned interface_index);

}  // namespace paceline::bpf
