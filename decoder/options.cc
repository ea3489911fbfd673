// SPDX-License-Identifier: MIT
#include "decoder/options.h"

#include <CLI/CLI.hpp>
#include <string>

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

A file that is still being written, or that a crash cut short, is read as far as it goes. What cannot be read
is reported on standard error.

Exit codes: 0 complete; 1 nothing could be read, or the output file not opened; 2 usage; 3 the result is partial,
or it could not be written.)";

}  // namespace

std::variant<ReplayOptions, int> parse_options(int argc, char** argv) {
  ReplayOptions options;
  CLI::App app("Decodes what Paceline's receiver recorded.", "paceline-decode");
  app.set_version_flag("--version", "paceline-decode " + std::string(kVersion));
  app.require_subcommand(1);

  CLI::App* replay = app.add_subcommand("replay", "Decode record files");
  replay->footer(kReplayHelp);
  replay->add_option("FILE", options.files, "Record files")->required();
  bool json = false;
  bool ndjson = false;
  CLI::Option* as_json = replay->add_flag("--json", json, "Write one JSON document");
  CLI::Option* as_ndjson =
      replay->add_flag("--ndjson", ndjson, "Write a line of JSON for each interval, then one for the summary");
  replay->add_flag("--intervals", options.intervals, "Text: write a row for each interval, too")
      ->excludes(as_json)
      ->excludes(as_ndjson);
  as_json->excludes(as_ndjson);
  replay->add_option("--output", options.output, "Write to this file instead of standard output");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.format = json ? Format::json : ndjson ? Format::ndjson : Format::text;
  return options;
}

}  // namespace paceline::decoder
