// SPDX-License-Identifier: MIT

#include <algorithm>
#include <exception>
#include <iostream>
#include <stop_token>

#include "decoder/objectives.h"
#include "paceline/error.h"
#include "paceline/sender.h"
#include "sender/campaign_command.h"
#include "sender/options.h"
#include "sender/printer.h"
#include "sender/serve_log.h"
#include "traffic/file_descriptor.h"
#include "traffic/stop_signals.h"

namespace {

using paceline::sender::Options;

constexpr int kSetupFailed = 1, kUsage = 2, kPartial = 3, kObjectiveMissed = 4;

int exit_code(const paceline::RunResult& result, const Options& options) {
  if (!result.complete()) return kPartial;
  const bool met = std::ranges::all_of(result.slices, [](const auto& slice) { return slice.met(); });
  const bool required = std::ranges::all_of(result.requirements, &paceline::ObjectiveResult::met);
  return (options.require_objectives && !met) || !required ? kObjectiveMissed : 0;
}

paceline::RunResult run(const Options& options, paceline::RunObserver& observer, const std::stop_token& stop) {
  if (!options.remote) return paceline::run(options.run, observer, stop);
  return paceline::run_remotely(options.remote->at, options.remote->key, options.run, observer, stop);
}

/// Returns the exit code; what went wrong is said after all that was told before.
int measure(const Options& options, const std::stop_token& stop) {
  paceline::sender::Printer printer(options);
  paceline::RunResult result = run(options, printer, stop);
  result.requirements = paceline::decoder::judge(options.requirements, result.flows);
  printer.summary(result);
  if (!printer.close()) return kPartial;
  return exit_code(result, options);
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

  paceline::traffic::raise_descriptor_limit();
  std::stop_source stop;
  paceline::traffic::stop_on_signals(stop, true);
  if (options.serve) return serve(*options.serve, stop.get_token());
  if (options.campaign) return paceline::sender::run_campaign_command(options, stop.get_token());

  try {
    return measure(options, stop.get_token());
  } catch (const paceline::UsageError& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    return kUsage;
  } catch (const std::exception& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    return kSetupFailed;
  }
}
