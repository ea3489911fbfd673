// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <stop_token>
#include <thread>

#include "paceline/error.h"
#include "paceline/sender.h"
#include "sender/options.h"
#include "sender/printer.h"
#include "sender/serve_log.h"
#include "traffic/file_descriptor.h"

namespace {

using paceline::sender::Options;

constexpr int kSetupFailed = 1, kUsage = 2, kPartial = 3, kObjectiveMissed = 4;

int exit_code(const paceline::RunResult& result, const Options& options) {
  if (!result.complete()) return kPartial;
  const bool met = std::ranges::all_of(result.slices, [](const auto& slice) { return slice.met(); });
  return options.require_objectives && !met ? kObjectiveMissed : 0;
}

/// The first SIGINT or SIGTERM ends the run in order, the second at once. Must be called before other threads start.
void stop_on_signals(std::stop_source stop) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::thread([signals, stop]() mutable {
    for (;;) {
      int signal = 0;
      sigwait(&signals, &signal);
      if (!stop.request_stop()) _exit(128 + signal);
    }
  }).detach();
}

paceline::RunResult run(const Options& options, paceline::RunObserver& observer, const std::stop_token& stop) {
  if (!options.remote) return paceline::run(options.run, observer, stop);
  return paceline::run_remotely(options.remote->at, options.remote->key, options.run, observer, stop);
}

/// Waits for others' runs until it is stopped; returns the exit code.
int serve(const paceline::RemoteSpec& spec, const std::stop_token& stop) {
  paceline::sender::ServeLog log;
  try {
    paceline::serve_runs(spec, log, stop);
    return 0;
  } catch (const paceline::UsageError& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    return kUsage;
  } catch (const std::exception& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    return kSetupFailed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const auto code = paceline::sender::parse_options(argc, argv, options)) return *code;

  std::ofstream file;
  if (!options.output.empty()) {
    file.open(options.output);
    if (!file) {
      std::cerr << "paceline-send: cannot write " << options.output << '\n';
      return kSetupFailed;
    }
  }
  paceline::traffic::raise_descriptor_limit();
  std::stop_source stop;
  stop_on_signals(stop);
  if (options.serve) return serve(*options.serve, stop.get_token());
  paceline::sender::Printer printer(options, options.output.empty() ? std::cout : file);
  try {
    const paceline::RunResult result = run(options, printer, stop.get_token());
    printer.summary(result);
    if (!(options.output.empty() ? std::cout.good() : file.good())) {
      std::cerr << "paceline-send: the results could not be written\n";
      return kPartial;
    }
    return exit_code(result, options);
  } catch (const paceline::UsageError& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    return kUsage;
  } catch (const std::exception& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    return kSetupFailed;
  }
}
