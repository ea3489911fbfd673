// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace paceline::bpf {

/// Why the kernel refused a BPF or netlink call: for a lack of privilege, the capabilities that the process
/// lacks; else the error's text. `detail` (libbpf's last warning, the kernel's extended answer) is added when
/// there is one.
std::string refusal(int error, const std::string& detail);

}  // namespace paceline::bpf
