// SPDX-License-Identifier: MIT
//
// paceline-decode compare: the runs of a campaign as tables, one side of an axis against another.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "decoder/commands.h"
#include "decoder/compare_options.h"
#include "paceline/compare.h"
#include "paceline/error.h"

namespace paceline::decoder {

namespace {

constexpr const char* kHelp = R"(
Examples, for the runs of a campaign (paceline-send run campaign.toml) with the axes services, family, datapath:
  paceline-decode compare runs.ndjson --metric throughput
      min, mean, median, max and standard deviation of each cell's runs
  paceline-decode compare runs.ndjson --axis datapath --baseline iptables --candidate ebpf --metric p99
      ... of both sides, their ratios with bootstrap intervals, tests of location and spread
  paceline-decode compare runs.ndjson --axis datapath --baseline iptables --candidate ebpf \
      --by services --where family=6 --metric 'rx.tc-rx.user p50' --metric throughput --format latex
  paceline-decode compare runs.ndjson ... --require 'ratio stddev < 1.2' --require 'throughput ratio median > 0.95'

Exit codes: 0 done; 1 a file could not be read or written; 2 usage; 4 a requirement was missed.)";

std::string render(const Comparison& comparison, const std::string& format) {
  if (format == "csv") return render_csv(comparison);
  if (format == "latex") return render_latex(comparison);
  if (format == "json") return render_json(comparison);
  return render_text(comparison);
}

bool write(const std::string& text, const std::optional<std::filesystem::path>& output) {
  errno = 0;
  std::ofstream file;
  if (output) file.open(*output, std::ios::trunc);
  std::ostream& out = output ? file : std::cout;
  out << text << std::flush;
  if (out) return true;
  std::cerr << "paceline-decode: write " << (output ? output->string() : "standard output") << ": "
            << (errno != 0 ? std::strerror(errno) : "failed") << '\n';
  return false;
}

}  // namespace

void add_compare(CLI::App& program, int& exit_code) {
  struct Asked {
    CompareOptions compare;
    std::vector<std::string> requirements;
    std::string format = "text";
    bool list = false;
    std::optional<std::filesystem::path> output;
  };
  const auto asked = std::make_shared<Asked>();
  CLI::App& command = *program.add_subcommand("compare", "Tables of a campaign's runs, and the ratios of two sides");
  command.footer(kHelp);
  add_compare_options(command, asked->compare);
  command.add_option("--format", asked->format, "text (default), csv, latex (booktabs) or json")
      ->check(CLI::IsMember({"text", "csv", "latex", "json"}))
      ->type_name("FORMAT");
  command.add_option("--output", asked->output, "Write to this file instead of standard output");
  command
      .add_option("--require", asked->requirements,
                  "Exit code 4 unless every cell meets it: 'ratio stddev < 1.2',\n'throughput ratio median > 0.95'; "
                  "may be repeated")
      ->type_name("CONDITION")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command.add_flag("--list-metrics", asked->list, "What --metric can be, then end");

  command.callback([asked, &exit_code] {
    if (asked->list) {
      std::cout << list_metrics();
      return;
    }
    std::vector<RatioRequirement> requirements;
    for (const std::string& text : asked->requirements) requirements.push_back(parse_ratio_requirement(text));
    const auto [files, spec] = settle(asked->compare);
    if (spec.axis.empty() && !requirements.empty())
      throw UsageError("--require is about ratios: name the two sides by --axis, --baseline and --candidate");
    const Comparison comparison = compare(files, spec);
    if (!write(render(comparison, asked->format), asked->output)) {
      exit_code = kFailed;
      return;
    }
    for (const RatioRequirement& requirement : requirements) {
      for (const std::string& miss : misses(comparison, requirement)) {
        std::cerr << "requirement missed: " << miss << '\n';
        exit_code = kRequirementMissed;
      }
    }
  });
}

}  // namespace paceline::decoder
