// SPDX-License-Identifier: MIT
#include "traffic/stop_signals.h"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

namespace paceline::traffic {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kOneWish{500};

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

/// Calls take(signal) for each SIGINT and SIGTERM, on a thread of its own.
template <class Take>
void on_signals(Take take) {
  block_stop_signals();
  std::signal(SIGPIPE, SIG_IGN);
  std::thread([signals = stop_signals(), take = std::move(take)]() mutable {
    for (;;) {
      int signal = 0;
      sigwait(&signals, &signal);
      take(signal);
    }
  }).detach();
}

}  // namespace

void block_stop_signals() {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void stop_on_signals(std::stop_source stop, bool impatient) {
  on_signals([stop = std::move(stop), impatient, first = Clock::time_point{}](int signal) mutable {
    const auto now = Clock::now();
    if (stop.request_stop())
      first = now;
    else if (impatient && now - first > kOneWish)
      _exit(128 + signal);
  });
}

void drain_on_signals(std::stop_source drain, std::stop_source stop) {
  on_signals([drain = std::move(drain), stop = std::move(stop), first = Clock::time_point{}](int signal) mutable {
    const auto now = Clock::now();
    if (signal == SIGTERM && drain.request_stop())
      first = now;
    else if (signal == SIGINT || now - first > kOneWish)
      stop.request_stop();
  });
}

}  // namespace paceline::traffic
