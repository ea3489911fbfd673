// SPDX-License-Identifier: MIT
#include "traffic/cpu_time.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

namespace paceline::traffic {

namespace {

nanoseconds duration_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

// The eighth number of the line for all CPUs together; 0 where there is no hypervisor.
nanoseconds stolen_time(const std::filesystem::path& root) {
  std::ifstream stat(root / "proc/stat");
  std::string word;
  std::int64_t ticks = 0;
  stat >> word;
  for (int number = 1; number <= 8 && word == "cpu"; ++number) stat >> ticks;
  const long ticks_per_second = sysconf(_SC_CLK_TCK);
  if (!stat || ticks_per_second <= 0) return nanoseconds{0};
  return nanoseconds{ticks * (1'000'000'000 / ticks_per_second)};
}

}  // namespace

CpuTime cpu_time(const std::filesystem::path& root) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {duration_of(usage.ru_utime), duration_of(usage.ru_stime), nanoseconds{0}, stolen_time(root)};
}

}  // namespace paceline::traffic
