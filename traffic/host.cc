// SPDX-License-Identifier: MIT
#include "traffic/host.h"

#include <sys/utsname.h>

#include <fstream>
#include <string>

#include "traffic/cpu.h"
#include "traffic/network_interfaces.h"

namespace paceline::traffic {

namespace {

// x86 has "model name : ..."; elsewhere the architecture must do.
std::string cpu_model(const std::filesystem::path& root, const char* architecture) {
  std::ifstream cpuinfo(root / "proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (!line.starts_with("model name")) continue;
    const auto value = line.find_first_not_of(": \t", line.find(':'));
    if (value != std::string::npos) return line.substr(value);
  }
  return architecture;
}

}  // namespace

Host this_host(const std::filesystem::path& root) {
  Host host;
  utsname system{};
  uname(&system);
  host.kernel = system.release;
  host.cpu = cpu_model(root, system.machine);
  host.cpus = usable_cpus();
  std::ifstream(root / "sys/devices/system/clocksource/clocksource0/current_clocksource") >> host.clocksource;
  host.interfaces = network_interfaces();
  return host;
}

}  // namespace paceline::traffic
