// SPDX-License-Identifier: MIT
//
// What the command lines of all measurements are made of. The text of an option becomes a value by a parser that throws
// UsageError.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <utility>

#include "paceline/error.h"
#include "paceline/units.h"
#include "sender/options.h"

namespace paceline::sender {

/// Parses `text` into `target` when the option is given; a UsageError becomes the command line's.
template <class Target, class Parse>
CLI::Option* add(CLI::App& app, const std::string& name, Target& target, const Parse& parse, const std::string& help) {
  return app.add_option_function<std::string>(
      name,
      [&target, parse, name](const std::string& text) {
        try {
          target = parse(text);
        } catch (const UsageError& error) {
          throw CLI::ValidationError(name, error.what());
        }
      },
      help);
}

/// A parser for one of a few words.
template <class Value>
auto one_of(std::map<std::string, Value> choices) {
  return [choices = std::move(choices)](const std::string& text) {
    const auto found = choices.find(text);
    if (found != choices.end()) return found->second;
    std::string allowed;
    for (const auto& [name, value] : choices) allowed += (allowed.empty() ? "" : ", ") + name;
    throw UsageError("'" + text + "' is none of " + allowed);
  };
}

/// A parser for whole numbers.
auto inline count_of(const std::string& what, std::uint32_t most) {
  return [what, most](const std::string& text) { return units::parse_count(text, what, most); };
}

/// A parser for the payload of a UDP packet.
std::uint32_t parse_packet_size(const std::string& text);

/// Where the receiver is: the one argument that every measurement has.
void add_host(CLI::App& app, Options& options);
/// --duration, --omit and --interval of one flow, the last two with a line end in their help.
template <class Spec>
void add_times(CLI::App& app, Spec& flow) {
  add(app, "--duration", flow.duration, units::parse_duration,
      "How long to measure: 30s, 5m, 200ms; a bare number is seconds\n(default 30s)")
      ->type_name("TIME");
  add(app, "--omit", flow.omit, units::parse_duration,
      "A warm-up before that, in whole intervals: its rows are shown, but\nare in no total (default 0)")
      ->type_name("TIME");
  add(app, "--interval", flow.interval, units::parse_duration,
      "Length of a row of live results; a bare number is seconds (default 1s)")
      ->type_name("TIME");
}
/// --pacing and --late.
void add_pacing(CLI::App& app, UdpFlowSpec& flow);
/// --batching and --batch.
void add_batching(CLI::App& app, UdpFlowSpec& flow, const std::string& by_default);
/// What all measurements share: path, machine, output.
void add_common(CLI::App& app, Options& options);

/// The measurements: each makes a subcommand that fills in options.run.flows.
void add_latency(CLI::App& app, Options& options);
void add_throughput(CLI::App& app, Options& options);
void add_connections(CLI::App& app, Options& options);

}  // namespace paceline::sender
