// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace paceline::bpf {

/// The BPF programs at an interface's TC ingress hook, whoever's they are, in the order in which they run: "tcx
/// paceline_ether", "clsact cil_from_netdev". A program whose name may not be asked for (CAP_SYS_ADMIN) is told by its
/// number. What the kernel does not tell is left out.
std::vector<std::string> ingress_programs(unsigned interface_index);

}  // namespace paceline::bpf
