// SPDX-License-Identifier: MIT
#include "traffic/pacer.h"

#include <sys/prctl.h>
#include <time.h>

namespace paceline::traffic {

void MonotonicClock::sleep_until(SenderTime time) const {
  const nanoseconds since_boot = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  const timespec wake{seconds.count(), (since_boot - seconds).count()};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr);
}

PreciseTimers::PreciseTimers() : before_(prctl(PR_GET_TIMERSLACK)) { prctl(PR_SET_TIMERSLACK, 1UL); }

PreciseTimers::~PreciseTimers() {
  if (before_ > 0) prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(before_));
}

}  // namespace paceline::traffic
