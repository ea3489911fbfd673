// SPDX-License-Identifier: MIT
//
// paceline-decode: parses the command line, replays the files, prints.
#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <utility>

#include "decoder/options.h"
#include "paceline/decoder.h"
#include "paceline/error.h"
#include "paceline/version.h"

namespace {

using paceline::decoder::Format;
using paceline::decoder::ReplayOptions;

enum Exit { kComplete = 0, kFailed = 1, kPartial = 3 };

// Decodes the files into one run, writing intervals as they come. Says on standard error what could not be
// read.
struct Outcome {
  paceline::RunResult run;
  bool damaged = false;
};
Outcome replay_all(const ReplayOptions& options, std::ostream& out) {
  Outcome outcome;
  outcome.run.version = paceline::kVersion;
  const bool rows = options.format == Format::text && options.intervals;
  for (const auto& file : options.files) {
    const std::size_t flow = outcome.run.flows.size();
    if (rows) out << file.string() << '\n';
    bool headed = false;
    const auto show = [&](const paceline::UdpInterval& interval, const paceline::UdpFlowSpec& spec) {
      if (options.format == Format::ndjson) out << paceline::render_ndjson(flow, interval) << '\n';
      if (rows && !std::exchange(headed, true)) out << paceline::render_text_header(spec) << '\n';
      if (rows) out << paceline::render_text_row(interval, spec) << '\n';
    };
    try {
      paceline::Replay replayed = paceline::replay(file, show);
      for (const std::string& what : replayed.damage) std::cerr << file.string() << ": " << what << '\n';
      outcome.damaged |= !replayed.damage.empty();
      auto& started = outcome.run.started_at;
      if (started.empty() || replayed.recorded_at < started) started = replayed.recorded_at;
      outcome.run.flows.emplace_back(std::move(replayed.result));
    } catch (const paceline::FileError& error) {
      std::cerr << "paceline-decode: " << error.what() << '\n';
      outcome.damaged = true;
    }
    if (rows) out << '\n';
  }
  return outcome;
}

void print(const paceline::RunResult& run, Format format, std::ostream& out) {
  switch (format) {
    case Format::text: out << paceline::render_text(run); break;
    case Format::json: out << paceline::render_json(run) << '\n'; break;
    case Format::ndjson: out << paceline::render_ndjson(run) << '\n'; break;
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
  print(outcome.run, options.format, out);
  if (!out) {
    const char* why = errno != 0 ? std::strerror(errno) : "not all of the results could be written";
    std::cerr << "paceline-decode: write " << name << ": " << why << '\n';
    return kPartial;
  }
  return outcome.damaged || !outcome.run.complete() ? kPartial : kComplete;
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
