// SPDX-License-Identifier: MIT
#include "traffic/stop_signals.h"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

namespace paceline::traffic {

void stop_on_signals(std::stop_source stop, bool impatient) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::thread([signals, stop = std::move(stop), impatient]() mutable {
    constexpr std::chrono::milliseconds kOneWish{500};
    std::chrono::steady_clock::time_point first;
    for (;;) {
      int signal = 0;
      sigwait(&signals, &signal);
      const auto now = std::chrono::steady_clock::now();
      if (stop.request_stop())
        first = now;
      else if (impatient && now - first > kOneWish)
        _exit(128 + signal);
    }
  }).detach();
}

}  // namespace paceline::traffic
