// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "paceline/result.h"

namespace paceline::traffic {

/// The interfaces of this network namespace that are up and no loopback, by their index, the first
/// Host::kMaxInterfaces of them. What the kernel does not tell stays empty.
std::vector<Interface> network_interfaces();

}  // namespace paceline::traffic
