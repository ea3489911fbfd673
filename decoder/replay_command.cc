// SPDX-License-Identifier: MIT
//
// paceline-decode replay: record files decoded again.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "decoder/commands.h"
#include "decoder/itg_replay.h"
#include "decoder/objectives.h"
#include "decoder/record_packets.h"
#include "decoder/record_reader.h"
#include "decoder/render_csv_packets.h"
#include "decoder/render_hlog.h"
#include "paceline/decoder.h"
#include "paceline/error.h"
#include "paceline/units.h"
#include "paceline/version.h"

namespace paceline::decoder {

namespace {

enum class Format { text, json, ndjson, csv, csv_summary, csv_packets, itg };

/// What the command line asks of `replay`.
struct ReplayOptions {
  std::vector<std::filesystem::path> files;
  Format format = Format::text;
  bool intervals = false;                       // rows in the text, too
  nanoseconds step{0};                          // length of rows; 0: as the flow's
  std::optional<std::filesystem::path> output;  // else standard output
  std::optional<std::filesystem::path> hlog;    // interval histograms, too
  std::vector<Objective> requirements;          // of all files together
};

constexpr const char* kReplayHelp = R"(
A receiver that was started with --record DIR writes one record file a flow there: each packet's times.
Replaying it gives the same numbers as the run itself did.

  paceline-decode replay FILE.paceline               the summary, for people
  paceline-decode replay --intervals FILE.paceline   with a row an interval
  paceline-decode replay --json *.paceline           one JSON document; each file is a flow in it
  paceline-decode replay --ndjson FILE.paceline      a line an interval, then the summary
  paceline-decode replay --series 100ms *.paceline   a time series as CSV: delay, jitter, rates and loss
  paceline-decode replay --format itg *.paceline     the summary in ITGDec's layout

A file that is still being written, or that a crash cut short, is read as far as it goes. What cannot be read
is reported on standard error.

Exit codes: 0 complete; 1 nothing could be read, or the output file not opened; 2 usage; 3 the result is partial,
or it could not be written; 4 complete, but a --require was missed.)";

const std::map<std::string, Format> kFormats{{"text", Format::text},
                                             {"json", Format::json},
                                             {"ndjson", Format::ndjson},
                                             {"csv", Format::csv},
                                             {"csv-summary", Format::csv_summary},
                                             {"csv-packets", Format::csv_packets},
                                             {"itg", Format::itg}};

nanoseconds parse_step(const std::string& text) {
  try {
    const nanoseconds step = units::parse_duration(text);
    if (step < std::chrono::milliseconds(1))
      throw UsageError("the step is " + text + ": it must be a millisecond at least");
    return step;
  } catch (const UsageError& error) {
    throw CLI::ValidationError("--series", error.what());
  }
}

// What came of the files so far.
struct Outcome {
  RunResult run;
  std::vector<ItgFlow> itg;  // of Format::itg
  std::uint64_t errors = 0;  // what could not be read
};

// Writes a flow's rows, in the formats that have any.
class Rows {
 public:
  /// `hlog`: null, or where interval histograms go, too.
  Rows(const ReplayOptions& options, std::ostream& out, std::ostream* hlog)
      : options_(options), out_(out), hlog_(hlog) {
    if (options_.format == Format::csv) out_ << csv_.header() << '\n';
  }

  void begin(const std::filesystem::path& file, std::size_t flow) {
    flow_ = flow;
    if (hlog_ != nullptr && !log_) recorded_ = RecordReader(file).created();
    headed_ = false;
    if (in_text()) out_ << file.string() << '\n';
  }
  void row(const PacketInterval& interval, const PacketFlowSpec& spec) {
    if (options_.format == Format::ndjson) out_ << render_ndjson(flow_, interval) << '\n';
    if (options_.format == Format::csv) out_ << csv_.row(flow_, interval) << '\n';
    if (hlog_ != nullptr) log_histograms(interval, spec);
    if (!in_text()) return;
    if (!std::exchange(headed_, true)) out_ << render_text_header(spec) << '\n';
    out_ << render_text_row(interval, spec) << '\n';
  }
  void end() {
    if (in_text()) out_ << '\n';
  }

  std::uint64_t negative() const { return log_ ? log_->negative() : 0; }

 private:
  void log_histograms(const PacketInterval& interval, const PacketFlowSpec& spec) {
    if (!log_) {
      using Clock = std::chrono::system_clock;
      log_.emplace(Clock::time_point(std::chrono::duration_cast<Clock::duration>(recorded_)));
      *hlog_ << log_->header();
    }
    *hlog_ << log_->lines(flow_, spec.delay, interval);
  }
  bool in_text() const { return options_.format == Format::text && options_.intervals; }

  const ReplayOptions& options_;
  std::ostream& out_;
  std::ostream* hlog_;
  const CsvIntervals csv_{{PacketFlowSpec{}}};
  std::optional<HistogramLog> log_;  // whose times count from the first file's creation
  nanoseconds recorded_{0};
  std::size_t flow_ = 0;
  bool headed_ = false;
};

Replay replay_one(const std::filesystem::path& file, const ReplayOptions& options, Rows& rows, Outcome& outcome) {
  if (options.format == Format::itg) {
    auto [flow, replayed] = replay_for_itg(file);
    outcome.itg.push_back(std::move(flow));
    return std::move(replayed);
  }
  const auto show = [&](const PacketInterval& interval, const PacketFlowSpec& spec) { rows.row(interval, spec); };
  return options.step > nanoseconds{0} ? replay(file, options.step, show) : replay(file, show);
}

// Decodes the files into one run, writing rows as they come. Says on standard error what could not be read.
Outcome replay_all(const ReplayOptions& options, std::ostream& out, std::ostream* hlog) {
  Outcome outcome;
  outcome.run.version = kVersion;
  Rows rows(options, out, hlog);
  for (const auto& file : options.files) {
    try {
      rows.begin(file, outcome.run.flows.size());
      Replay replayed = replay_one(file, options, rows, outcome);
      for (const std::string& what : replayed.damage) std::cerr << file.string() << ": " << what << '\n';
      outcome.errors += replayed.damage.size();
      auto& started = outcome.run.started_at;
      if (started.empty() || replayed.recorded_at < started) started = replayed.recorded_at;
      outcome.run.flows.emplace_back(std::move(replayed.result));
    } catch (const FileError& error) {
      std::cerr << "paceline-decode: " << error.what() << '\n';
      ++outcome.errors;
    }
    rows.end();
  }
  if (rows.negative() > 0) {
    std::cerr << "warning: " << options.hlog->string() << ": " << rows.negative()
              << " values are below 0, which its histograms cannot hold; its comments say where\n";
  }
  outcome.run.requirements = judge(options.requirements, outcome.run.flows);
  return outcome;
}

void print(const Outcome& outcome, Format format, std::ostream& out) {
  switch (format) {
    case Format::text: out << render_text(outcome.run); break;
    case Format::json: out << render_json(outcome.run) << '\n'; break;
    case Format::ndjson: out << render_ndjson(outcome.run) << '\n'; break;
    case Format::csv_summary: out << render_csv_summary(outcome.run); break;
    case Format::csv:
    case Format::csv_packets: break;  // all of it is rows
    case Format::itg: out << render_itg(outcome.itg, outcome.errors); break;
  }
  out.flush();
}

// Every packet of the files, a line each.
int print_packets(const ReplayOptions& options, std::ostream& out) {
  std::size_t read = 0;
  bool whole = true;
  out << csv_packets_header() << '\n';
  for (std::size_t i = 0; i < options.files.size(); ++i) {
    const auto& file = options.files[i];
    try {
      RecordReader reader(file);
      const ClockMap clocks = reader.start().map;
      for_each_packet(reader, [&](const RecordedPacket& packet) { out << csv_packet(i, packet, clocks) << '\n'; });
      for (const std::string& what : reader.damage()) std::cerr << file.string() << ": " << what << '\n';
      if (!reader.end()) std::cerr << file.string() << ": it has no end: it is still being written, or was cut short\n";
      whole = whole && reader.damage().empty() && reader.end();
      ++read;
    } catch (const FileError& error) {
      std::cerr << "paceline-decode: " << error.what() << '\n';
      whole = false;
    }
  }
  out.flush();
  if (read == 0) return kFailed;
  return whole ? kComplete : kPartial;
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

  std::ofstream hlog;
  if (options.hlog) {
    hlog.open(*options.hlog, std::ios::trunc);
    if (!hlog) {
      std::cerr << "paceline-decode: open " << options.hlog->string() << ": " << std::strerror(errno) << '\n';
      return kFailed;
    }
  }

  if (options.format == Format::csv_packets) {
    const int code = print_packets(options, out);
    if (out) return code;
    std::cerr << "paceline-decode: write " << name << ": not all of the packets could be written\n";
    return kPartial;
  }
  const Outcome outcome = replay_all(options, out, options.hlog ? &hlog : nullptr);
  hlog.flush();
  if (options.hlog && !hlog) {
    std::cerr << "paceline-decode: write " << options.hlog->string() << ": not all of it could be written\n";
    return kPartial;
  }
  if (outcome.run.flows.empty()) return kFailed;
  errno = 0;
  print(outcome, options.format, out);
  if (!out) {
    const char* why = errno != 0 ? std::strerror(errno) : "not all of the results could be written";
    std::cerr << "paceline-decode: write " << name << ": " << why << '\n';
    return kPartial;
  }
  if (outcome.errors > 0 || !outcome.run.complete()) return kPartial;
  const bool met = std::ranges::all_of(outcome.run.requirements, &ObjectiveResult::met);
  return met ? kComplete : kRequirementMissed;
}

}  // namespace

void add_replay(CLI::App& program, int& exit_code) {
  struct Asked {
    ReplayOptions options;
    std::optional<std::string> format;
    bool json = false;
    bool ndjson = false;
    std::string step;
    std::vector<std::string> requirements;
  };
  const auto asked = std::make_shared<Asked>();
  CLI::App& replay = *program.add_subcommand("replay", "Decode record files");
  replay.footer(kReplayHelp);
  replay.add_option("FILE", asked->options.files, "Record files")->required();
  CLI::Option* as_format = replay
                               .add_option("--format", asked->format,
                                           "text (the summary, for people), json, ndjson, csv (a row an interval),\n"
                                           "csv-summary (a row a file), csv-packets (a row a packet) "
                                           "or itg (ITGDec's\nsummary)")
                               ->check(CLI::IsMember(kFormats))
                               ->type_name("FORMAT");
  CLI::Option* as_json = replay.add_flag("--json", asked->json, "Write one JSON document")->excludes(as_format);
  replay.add_flag("--ndjson", asked->ndjson, "Write a line of JSON for each interval, then one for the summary")
      ->excludes(as_format)
      ->excludes(as_json);
  replay.add_flag("--intervals", asked->options.intervals, "Text: write a row for each interval, too");
  replay
      .add_option("--series", asked->step,
                  "Rows of this length instead of the flow's own: 100ms, 1s; a bare\nnumber is seconds. As CSV, "
                  "unless said otherwise")
      ->type_name("STEP");
  replay
      .add_option("--hlog", asked->options.hlog, "Delays as an HdrHistogram log, too (.hlog): a histogram an interval")
      ->type_name("FILE");
  replay
      .add_option("--require", asked->requirements,
                  "Exit code 4 unless all files together meet it: 'p99 < 2ms',\n'loss < 0.1%', 'throughput > 10M'; may "
                  "be repeated")
      ->type_name("OBJECTIVE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  replay.add_option("--output", asked->options.output, "Write to this file instead of standard output");

  replay.callback([asked, &exit_code] {
    ReplayOptions& options = asked->options;
    const bool series = !asked->step.empty();
    try {
      for (const std::string& text : asked->requirements) options.requirements.push_back(parse_objective(text));
    } catch (const UsageError& error) {
      throw CLI::ValidationError("--require", error.what());
    }
    if (series) options.step = parse_step(asked->step);
    options.format = asked->format                  ? kFormats.at(*asked->format)
                     : asked->json                  ? Format::json
                     : asked->ndjson                ? Format::ndjson
                     : series && !options.intervals ? Format::csv
                                                    : Format::text;
    if (options.intervals && options.format != Format::text)
      throw CLI::ValidationError("--intervals", "is for text: ndjson and csv have the intervals anyway");
    if (series && (options.format == Format::json || options.format == Format::itg))
      throw CLI::ValidationError("--series", "needs a format that has rows: csv, ndjson or text");
    const bool no_rows = options.format == Format::csv_packets || options.format == Format::itg;
    if (no_rows && (options.hlog || !options.requirements.empty()))
      throw CLI::ValidationError("--format", "csv-packets and itg go without --hlog and --require");
    if (series && options.format == Format::text) options.intervals = true;
    exit_code = decode(options);
  });
}

}  // namespace paceline::decoder
