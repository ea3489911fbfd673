// SPDX-License-Identifier: MIT
#include "decoder/options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "paceline/error.h"
#include "paceline/units.h"
#include "paceline/version.h"

namespace paceline::decoder {

namespace {

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
or it could not be written.)";

const std::map<std::string, Format> kFormats{{"text", Format::text},
                                             {"json", Format::json},
                                             {"ndjson", Format::ndjson},
                                             {"csv", Format::csv},
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

}  // namespace

std::variant<ReplayOptions, int> parse_options(int argc, char** argv) {
  ReplayOptions options;
  CLI::App app("Decodes what Paceline's receiver recorded.", "paceline-decode");
  app.set_version_flag("--version", "paceline-decode " + std::string(kVersion));
  app.require_subcommand(1);

  CLI::App* replay = app.add_subcommand("replay", "Decode record files");
  replay->footer(kReplayHelp);
  replay->add_option("FILE", options.files, "Record files")->required();
  std::optional<std::string> format;
  bool json = false;
  bool ndjson = false;
  std::string step;
  CLI::Option* as_format = replay
                               ->add_option("--format", format,
                                            "text (the summary, for people), json, ndjson, csv (a row an interval) "
                                            "or itg (ITGDec's\nsummary)")
                               ->check(CLI::IsMember(kFormats))
                               ->type_name("FORMAT");
  CLI::Option* as_json = replay->add_flag("--json", json, "Write one JSON document")->excludes(as_format);
  replay->add_flag("--ndjson", ndjson, "Write a line of JSON for each interval, then one for the summary")
      ->excludes(as_format)
      ->excludes(as_json);
  replay->add_flag("--intervals", options.intervals, "Text: write a row for each interval, too");
  replay
      ->add_option("--series", step,
                   "Rows of this length instead of the flow's own: 100ms, 1s; a bare\nnumber is seconds. As CSV, "
                   "unless said otherwise")
      ->type_name("STEP");
  replay->add_option("--output", options.output, "Write to this file instead of standard output");

  try {
    app.parse(argc, argv);
    if (!step.empty()) options.step = parse_step(step);
    options.format = format                                ? kFormats.at(*format)
                     : json                                ? Format::json
                     : ndjson                              ? Format::ndjson
                     : !step.empty() && !options.intervals ? Format::csv
                                                           : Format::text;
    if (options.intervals && options.format != Format::text)
      throw CLI::ValidationError("--intervals", "is for text: ndjson and csv have the intervals anyway");
    if (!step.empty() && (options.format == Format::json || options.format == Format::itg))
      throw CLI::ValidationError("--series", "needs a format that has rows: csv, ndjson or text");
    if (!step.empty() && options.format == Format::text) options.intervals = true;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return options;
}

}  // namespace paceline::decoder
