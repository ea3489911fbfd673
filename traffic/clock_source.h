// SPDX-License-Identifier: MIT
#pragma once

#include <time.h>

#include "paceline/clock.h"

namespace paceline::traffic {

/// CLOCK_MONOTONIC now, as the clock of this end: now<SenderClock>() in a sender, now<ReceiverClock>() in a receiver.
template <class Clock>
typename Clock::time_point now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return typename Clock::time_point{std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec)};
}

}  // namespace paceline::traffic
