// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace paceline::bpf {

struct Interface {
  std::string name;
  unsigned index = 0;
  bool ethernet = false;  ///< its packets begin with an Ethernet header at TC
  bool up = false;
  bool loopback = false;
};

/// Asks the kernel through a socket, so the answer is about the calling thread's network namespace (/sys may
/// show another one's). nullopt when there is no such interface.
std::optional<Interface> find_interface(const std::string& name);

std::vector<Interface> list_interfaces();

}  // namespace paceline::bpf
