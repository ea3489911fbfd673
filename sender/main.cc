// SPDX-License-Identifier: MIT
#include <unistd.h>

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
#include "traffic/file_descriptor.h"

namespace {

using paceline::sender::Options;

constexpr int kSetupFailed = 1, kUsage = 2, kPartial = 3;

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

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const auto exit_code = paceline::sender::parse_options(argc, argv, options)) return *exit_code;

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
  paceline::sender::Printer printer(options, options.output.empty() ? std::cout : file);
  try {
    const paceline::RunResult result = paceline::run(options.run, printer, stop.get_token());
    printer.summary(result);
    if (!(options.output.empty() ? std::cout.good() : file.good())) {
      std::cerr << "paceline-send: the results could not be written\n";
      return kPartial;
    }
    return result.complete() ? 0 : kPartial;
  } catch (const paceline::UsageError& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    return kUsage;
  } catch (const std::exception& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    return kSetupFailed;
  }
}
