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

#include "paceline/decoder.h"
#include "paceline/error.h"
#include "paceline/sender.h"
#include "sender/options.h"

namespace {

using paceline::sender::Format;
using paceline::sender::Options;

constexpr int kSetupFailed = 1, kUsage = 2, kPartial = 3;

/// Prints a run as it goes: results to `out`, all else to standard error.
class Printer : public paceline::RunObserver {
 public:
  Printer(const Options& options, std::ostream& out) : options_(options), out_(out) {}

  void connected(const std::string& address) override { std::cerr << "connected to " << address << '\n'; }

  void path_confirmed(std::size_t, const paceline::PathResult& path, const paceline::Stamping& stamping) override {
    std::cerr << "path: " << path.dialled << " arrives at " << path.arrived_at << " from " << path.seen_from
              << "; receive stamps: " << to_string(stamping.hook)
              << (stamping.interface.empty() ? "" : " on " + stamping.interface)
              << (stamping.reason.empty() ? "" : " (" + stamping.reason + ")") << '\n';
    if (options_.format == Format::text) out_ << paceline::render_text_header() << std::endl;
  }

  void interval(std::size_t flow, const paceline::Interval& interval) override {
    const bool nothing_left = interval.last && interval.received.packets == 0 && interval.received.lost == 0;
    if (options_.format == Format::text && !nothing_left)
      out_ << paceline::render_text_row(interval, options_.run.flows[flow].rate_pps) << std::endl;
    if (options_.format == Format::ndjson) out_ << paceline::render_ndjson(flow, interval) << std::endl;
  }

  void warning(const std::string& text) override { std::cerr << "warning: " << text << '\n'; }

  void summary(const paceline::RunResult& result) {
    switch (options_.format) {
      case Format::text: out_ << '\n' << paceline::render_text(result); break;
      case Format::json: out_ << paceline::render_json(result) << '\n'; break;
      case Format::ndjson: out_ << paceline::render_ndjson(result) << '\n'; break;
    }
    out_.flush();
  }

 private:
  const Options& options_;
  std::ostream& out_;
};

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
  std::stop_source stop;
  stop_on_signals(stop);
  Printer printer(options, options.output.empty() ? std::cout : file);
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
