// SPDX-License-Identifier: MIT
#include "traffic/cpu_time.h"

#include <sys/resource.h>

namespace paceline::traffic {

namespace {

nanoseconds duration_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

}  // namespace

CpuTime cpu_time() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {duration_of(usage.ru_utime), duration_of(usage.ru_stime), nanoseconds{0}};
}

}  // namespace paceline::traffic
