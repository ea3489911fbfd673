// SPDX-License-Identifier: MIT
#include "traffic/cpu.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace paceline::traffic {

namespace fs = std::filesystem;

namespace {

struct FreeCpuSet {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};

std::uint32_t cpus_of_affinity() {
  // The mask that the kernel writes may be larger than cpu_set_t.
  for (std::size_t cpus = CPU_SETSIZE; cpus <= 64 * CPU_SETSIZE; cpus *= 2) {
    const std::unique_ptr<cpu_set_t, FreeCpuSet> set(CPU_ALLOC(cpus));
    if (!set) return 1;
    if (sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set.get()) == 0)
      return static_cast<std::uint32_t>(CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set.get()));
    if (errno != EINVAL) return 1;
  }
  return 1;
}

bool has_item(const std::string& comma_list, const std::string& item) {
  return ("," + comma_list + ",").find("," + item + ",") != std::string::npos;
}

// A hierarchy that may hold a CPU quota, as seen from this process.
struct Hierarchy {
  bool v2 = false;
  std::string mount_root;   // which cgroup is mounted
  std::string mount_point;  // where
  std::string cgroup;       // this process's
};

// proc_pid_mountinfo(5): id parent device root mount-point options [fields...] - type source super-options
std::vector<Hierarchy> cpu_hierarchies(const fs::path& root) {
  std::vector<Hierarchy> found;
  std::ifstream mounts(root / "proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line.substr(0, dash)), after(line.substr(dash + 3));
    std::string id, parent, device, type, source, super_options;
    Hierarchy hierarchy;
    before >> id >> parent >> device >> hierarchy.mount_root >> hierarchy.mount_point;
    after >> type >> source >> super_options;
    hierarchy.v2 = type == "cgroup2";
    if (hierarchy.v2 || (type == "cgroup" && has_item(super_options, "cpu"))) found.push_back(hierarchy);
  }
  // cgroups(7): hierarchy-id:controllers:path
  std::ifstream cgroups(root / "proc/self/cgroup");
  for (std::string line; std::getline(cgroups, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    for (Hierarchy& hierarchy : found) {
      if (hierarchy.v2 ? controllers.empty() : has_item(controllers, "cpu")) hierarchy.cgroup = line.substr(second + 1);
    }
  }
  return found;
}

std::optional<double> quota_of(const fs::path& cgroup, bool v2) {
  double quota = 0, period = 0;
  if (v2) {
    std::ifstream file(cgroup / "cpu.max");
    if (!(file >> quota >> period)) return std::nullopt;  // "max 100000": none
  } else {
    std::ifstream quota_file(cgroup / "cpu.cfs_quota_us"), period_file(cgroup / "cpu.cfs_period_us");
    if (!(quota_file >> quota) || !(period_file >> period)) return std::nullopt;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;  // v1 says -1 for none
  return quota / period;
}

}  // namespace

std::uint32_t usable_cpus() {
  const std::uint32_t allowed = std::max(cpus_of_affinity(), 1u);
  const auto quota = cgroup_cpu_quota();
  if (!quota || *quota >= allowed) return allowed;
  return static_cast<std::uint32_t>(std::max(std::ceil(*quota), 1.0));
}

std::optional<double> cgroup_cpu_quota(const fs::path& root) {
  std::optional<double> least;
  for (const Hierarchy& hierarchy : cpu_hierarchies(root)) {
    const fs::path top = root / fs::path(hierarchy.mount_point).relative_path();
    // Seen from inside a container the path may lie above the mount; then the mount is all there is to see.
    const fs::path below = fs::path(hierarchy.cgroup).lexically_relative(hierarchy.mount_root);
    fs::path cgroup = top;
    if (!below.empty() && below != "." && *below.begin() != "..") cgroup = top / below;
    for (;; cgroup = cgroup.parent_path()) {
      if (const auto quota = quota_of(cgroup, hierarchy.v2)) least = std::min(least.value_or(*quota), *quota);
      if (cgroup == top || !cgroup.has_relative_path()) break;
    }
  }
  return least;
}

Pacing affordable_pacing(Pacing asked, std::uint32_t cpus, std::size_t spinning) {
  return asked == Pacing::hybrid && spinning >= cpus ? Pacing::sleep : asked;
}

}  // namespace paceline::traffic
