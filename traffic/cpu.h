// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "paceline/flow.h"

namespace paceline::traffic {

/// CPUs that this thread may use: those of its affinity mask, or what the cgroups' quota pays for if that is
/// less, a fraction counted as a whole one. At least 1.
std::uint32_t usable_cpus();

/// The least CPU quota of this process's cgroup and those above it, as far as they are visible, in CPUs (1.5:
/// 150 ms in 100 ms): cpu.max of cgroup v2, cpu.cfs_quota_us of v1. Nothing when unlimited or unreadable.
/// `root` stands in for / when what it holds is to be read instead.
std::optional<double> cgroup_cpu_quota(const std::filesystem::path& root = "/");

/// How to wait when `spinning` threads would spin or send without a pause: hybrid becomes sleep unless they leave a CPU
/// to others (the signalling, above all). Busy stays: whoever asks for it means it.
Pacing affordable_pacing(Pacing asked, std::uint32_t cpus, std::size_t spinning);

}  // namespace paceline::traffic
