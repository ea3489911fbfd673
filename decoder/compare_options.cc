// SPDX-License-Identifier: MIT
#include "decoder/compare_options.h"

#include <CLI/CLI.hpp>

#include "paceline/error.h"

namespace paceline::decoder {

void add_compare_options(CLI::App& command, CompareOptions& options) {
  const auto list = [&](const std::string& name, std::vector<std::string>& target, const std::string& help,
                        const std::string& type) {
    command.add_option(name, target, help)
        ->type_name(type)
        ->expected(1)
        ->delimiter(',')
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  command.add_option("FILE", options.files, "Runs files of one campaign, or of several with the same axes");
  command.add_option("--axis", options.axis, "The axis whose values are the two sides")->type_name("AXIS");
  command.add_option("--baseline", options.baseline, "Its value below the fraction bar")->type_name("VALUE");
  command.add_option("--candidate", options.candidate, "Its value above the fraction bar")->type_name("VALUE");
  list("--by", options.by, "Axes whose values make the cells (default: all others)", "AXIS,...");
  list("--where", options.where, "Only runs with this value; may be repeated", "AXIS=VALUE");
  list("--metric", options.metrics, "What is compared; may be repeated (--list-metrics; default: throughput)",
       "METRIC");
  command
      .add_option("--flow", options.flow, "Only this flow of each run, by its name or number (default: all together)")
      ->type_name("FLOW");
  command.add_option("--confidence", options.confidence, "Of the intervals (default 0.95)")
      ->check(CLI::Range(0.5, 0.9999).description(""))
      ->type_name("SHARE");
  command.add_option("--resamples", options.resamples, "Of the bootstrap; 0: no intervals (default 2000)")
      ->check(CLI::Range(0, 1'000'000).description(""))
      ->type_name("N");
  command.add_option("--seed", options.seed, "Of the bootstrap (default 1)")->type_name("N");
  command
      .add_option("--reference", options.reference,
                  "Published ratios to print beside these: CSV, as examples/paper-tables.csv\nhas them")
      ->type_name("FILE");
}

std::pair<std::vector<std::filesystem::path>, CompareSpec> settle(const CompareOptions& options) {
  if (options.files.empty()) throw UsageError("no runs file was named: paceline-decode compare runs.ndjson ...");
  const bool sides = !options.axis.empty();
  if (sides && (options.baseline.empty() || options.candidate.empty()))
    throw UsageError("--axis needs both --baseline and --candidate");
  if (!sides && !(options.baseline.empty() && options.candidate.empty()))
    throw UsageError("--baseline and --candidate are values of an --axis: name it");
  CompareSpec spec;
  spec.axis = options.axis;
  spec.baseline = options.baseline;
  spec.candidate = options.candidate;
  spec.by = options.by;
  spec.metrics = options.metrics.empty() ? std::vector<std::string>{"throughput"} : options.metrics;
  spec.flow = options.flow;
  spec.confidence = options.confidence;
  spec.resamples = options.resamples;
  spec.seed = options.seed;
  for (const std::string& text : options.where) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) throw UsageError("--where '" + text + "': write AXIS=VALUE");
    spec.where.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  if (!options.reference.empty()) spec.reference = options.reference;
  return {options.files, spec};
}

}  // namespace paceline::decoder
