// SPDX-License-Identifier: MIT
//
// paceline-decode: parses the command line, replays the files, prints.
#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <utility>

#include "decoder/itg_replay.h"
#include "decoder/options.h"
#include "paceline/decoder.h"
#include "paceline/error.h"
#include "paceline/version.h"

namespace {

using paceline::decoder::Format;
using paceline::decoder::ReplayOptions;

enum Exit { kComplete = 0, kFailed = 1, kPartial = 3 };

// What came of the files so far.
struct Outcome {
  paceline::RunResult run;
  std::vector<paceline::decoder::ItgFlow> itg;  // of Format::itg
  std::uint64_t errors = 0;                     // what could not be read
};

// Writes a flow's rows, in the formats that have any.
class Rows {
 public:
  Rows(const ReplayOptions& options, std::ostream& out) : options_(options), out_(out) {
    if (options_.format == Format::csv) out_ << paceline::render_csv_header() << '\n';
  }

  void begin(const std::filesystem::path& file, std::size_t flow) {
    flow_ = flow;
    headed_ = false;
    if (in_text()) out_ << file.string() << '\n';
  }
  void row(const paceline::PacketInterval& interval, const paceline::PacketFlowSpec& spec) {
    if (options_.format == Format::ndjson) out_ << paceline::render_ndjson(flow_, interval) << '\n';
    if (options_.format == Format::csv) out_ << paceline::render_csv(flow_, interval) << '\n';
    if (!in_text()) return;
    if (!std::exchange(headed_, true)) out_ << paceline::render_text_header(spec) << '\n';
    out_ << paceline::render_text_row(interval, spec) << '\n';
  }
  void end() {
    if (in_text()) out_ << '\n';
  }

 private:
  bool in_text() const { return options_.format == Format::text && options_.intervals; }

  const ReplayOptions& options_;
  std::ostream& out_;
  std::size_t flow_ = 0;
  bool headed_ = false;
};

paceline::Replay replay_one(const std::filesystem::path& file, const ReplayOptions& options, Rows& rows,
                            Outcome& outcome) {
  if (options.format == Format::itg) {
    auto [flow, replayed] = paceline::decoder::replay_for_itg(file);
    outcome.itg.push_back(std::move(flow));
    return std::move(replayed);
  }
  const auto show = [&](const paceline::PacketInterval& interval, const paceline::PacketFlowSpec& spec) {
    rows.row(interval, spec);
  };
  return options.step > paceline::nanoseconds{0} ? paceline::replay(file, options.step, show)
                                                 : paceline::replay(file, show);
}

// Decodes the files into one run, writing rows as they come. Says on standard error what could not be read.
Outcome replay_all(const ReplayOptions& options, std::ostream& out) {
  Outcome outcome;
  outcome.run.version = paceline::kVersion;
  Rows rows(options, out);
  for (const auto& file : options.files) {
    rows.begin(file, outcome.run.flows.size());
    try {
      paceline::Replay replayed = replay_one(file, options, rows, outcome);
      for (const std::string& what : replayed.damage) std::cerr << file.string() << ": " << what << '\n';
      outcome.errors += replayed.damage.size();
      auto& started = outcome.run.started_at;
      if (started.empty() || replayed.recorded_at < started) started = replayed.recorded_at;
      outcome.run.flows.emplace_back(std::move(replayed.result));
    } catch (const paceline::FileError& error) {
      std::cerr << "paceline-decode: " << error.what() << '\n';
      ++outcome.errors;
    }
    rows.end();
  }
  return outcome;
}

void print(const Outcome& outcome, Format format, std::ostream& out) {
  switch (format) {
    case Format::text: out << paceline::render_text(outcome.run); break;
    case Format::json: out << paceline::render_json(outcome.run) << '\n'; break;
    case Format::ndjson: out << paceline::render_ndjson(outcome.run) << '\n'; break;
    case Format::csv: break;  // all of it is rows
    case Format::itg: out << paceline::decoder::render_itg(outcome.itg, outcome.errors); break;
  }
  out.flush();
}

int decode(const ReplayOptions& options) {
  std::ofstream file;
  if (options.output) file.open(*options.output, std::ios::trunc);
  std::ostream& out = options.output ? file : std::cout;
  const std::string name = options.output ? options.output->string() : "standard output";
  if (!out) {
    std::cerr << "paceline-decode: open " << name << ": " << std::strerror(errno) << '\n';
    return kFailed;
  }

  const Outcome outcome = replay_all(options, out);
  if (outcome.run.flows.empty()) return kFailed;
  errno = 0;
  print(outcome, options.format, out);
  if (!out) {
    const char* why = errno != 0 ? std::strerror(errno) : "not all of the results could be written";
    std::cerr << "paceline-decode: write " << name << ": " << why << '\n';
    return kPartial;
  }
  return outcome.errors > 0 || !outcome.run.complete() ? kPartial : kComplete;
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = paceline::decoder::parse_options(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  try {
    return decode(std::get<ReplayOptions>(parsed));
  } catch (const std::exception& error) {
    std::cerr << "paceline-decode: " << error.what() << '\n';
    return kFailed;
  }
}
