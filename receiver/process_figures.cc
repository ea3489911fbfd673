// SPDX-License-Identifier: MIT
#include "receiver/process_figures.h"

#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace paceline::receiver {

namespace {

/// The fields of /proc/self/stat from the third on: the second, the name, may have blanks in it.
std::istringstream stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');
  return std::istringstream(name_end == std::string::npos ? "" : line.substr(name_end + 1));
}

double now_by(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

ProcessFigures read_process_figures() {
  ProcessFigures figures;
  std::istringstream fields = stat_fields();
  std::string field;
  for (int number = 3; fields >> field; ++number) {
    constexpr int kThreads = 20, kStartTime = 22, kVirtualSize = 23, kResident = 24;
    if (number == kThreads) figures.threads = std::stoull(field);
    // In ticks since the machine's boot.
    if (number == kStartTime)
      figures.start_seconds = now_by(CLOCK_REALTIME) - now_by(CLOCK_BOOTTIME) +
                              std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
    if (number == kVirtualSize) figures.virtual_bytes = std::stoull(field);
    if (number == kResident)
      figures.resident_bytes = std::stoull(field) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  figures.cpu_seconds = now_by(CLOCK_PROCESS_CPUTIME_ID);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.most_descriptors = limit.rlim_cur;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error))
    ++figures.open_descriptors;
  if (figures.open_descriptors > 0) --figures.open_descriptors;  // the one that reads them
  return figures;
}

}  // namespace paceline::receiver
