// SPDX-License-Identifier: MIT
//
// paceline-decode report: record files, or a campaign's runs, as a page with charts.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "decoder/commands.h"
#include "decoder/compare_options.h"
#include "paceline/compare.h"
#include "paceline/decoder.h"
#include "paceline/error.h"
#include "paceline/report.h"
#include "paceline/version.h"

namespace paceline::decoder {

namespace {

constexpr const char* kHelp = R"(
One file that any browser opens, without a network. Examples:
  paceline-decode report flow.paceline --output report.html
      the flow of a record file (paceline-send --record); several files: several flows
  paceline-decode report runs.ndjson --metric throughput --metric p99 --output report.html
      a campaign's runs: what those of each cell spread over
  paceline-decode report runs.ndjson --axis datapath --baseline iptables --candidate ebpf \
      --by family,services --metric throughput --output report.html
      ... the ratios of two sides over the last axis of --by, with their intervals
paceline-send ... --report FILE makes the page of a run that it measures.

Exit codes: 0 done; 1 a file could not be read or written; 2 usage; 3 a record file is damaged, or its flow partial.)";

bool is_record_file(const std::filesystem::path& file) {
  constexpr std::array<char, 8> kMagic{'\x89', 'P', 'C', 'L', 'R', 'E', 'C', '\n'};
  std::array<char, 8> begin{};
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) throw FileError(file.string() + ": " + (errno != 0 ? std::strerror(errno) : "cannot be read"));
  in.read(begin.data(), begin.size());
  return in.gcount() == static_cast<std::streamsize>(begin.size()) && begin == kMagic;
}

// A page of the files' flows. Says on standard error what could not be read.
std::string page_of_records(const std::vector<std::filesystem::path>& files, int& exit_code) {
  Report report;
  RunResult run;
  run.version = kVersion;
  std::string source;
  for (const auto& file : files) {
    const std::size_t flow = run.flows.size();
    Replay replayed =
        replay(file, [&](const PacketInterval& interval, const PacketFlowSpec&) { report.interval(flow, interval); });
    for (const std::string& what : replayed.damage) std::cerr << file.string() << ": " << what << '\n';
    if (run.started_at.empty() || replayed.recorded_at < run.started_at) run.started_at = replayed.recorded_at;
    if (!replayed.result.complete) exit_code = kPartial;
    run.flows.emplace_back(std::move(replayed.result));
    source += (source.empty() ? "" : ", ") + file.filename().string();
  }
  return report.html(run, source);
}

std::string page_of(const CompareOptions& options, int& exit_code) {
  if (options.files.empty()) throw UsageError("no file was named: paceline-decode report FILE... --output report.html");
  const auto records = std::ranges::count_if(options.files, is_record_file);
  if (records == 0) {
    const auto [files, spec] = settle(options);
    return render_html(compare(files, spec));
  }
  if (static_cast<std::size_t>(records) < options.files.size())
    throw UsageError("record files and runs files do not go into one report: name one kind");
  if (!options.axis.empty() || !options.metrics.empty())
    throw UsageError("--axis and --metric are about a campaign's runs: these are record files");
  return page_of_records(options.files, exit_code);
}

}  // namespace

void add_report(CLI::App& program, int& exit_code) {
  struct Asked {
    CompareOptions compare;
    std::filesystem::path output;
  };
  const auto asked = std::make_shared<Asked>();
  CLI::App& command = *program.add_subcommand("report", "A page with charts, of record files or of a campaign's runs");
  command.footer(kHelp);
  add_compare_options(command, asked->compare);
  command.add_option("--output", asked->output, "The page's file")->type_name("FILE")->required();

  command.callback([asked, &exit_code] {
    const std::string page = page_of(asked->compare, exit_code);
    errno = 0;
    std::ofstream out(asked->output, std::ios::trunc | std::ios::binary);
    out << page << std::flush;
    if (out) return;
    std::cerr << "paceline-decode: write " << asked->output.string() << ": "
              << (errno != 0 ? std::strerror(errno) : "failed") << '\n';
    exit_code = kFailed;
  });
}

}  // namespace paceline::decoder
