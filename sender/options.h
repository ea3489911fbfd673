// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "paceline/campaign.h"
#include "paceline/remote.h"
#include "paceline/sender.h"

namespace paceline::sender {

enum class Format { text, json, ndjson, csv, csv_summary };

/// A sender elsewhere, and the key that it is to be proven.
struct RemoteSender {
  Endpoint at;
  Key key;
};

/// A campaign instead of a run.
struct CampaignOptions {
  CampaignSpec spec;
  bool dry_run = false;  // list its runs, make none
  bool quiet = false;    // tell only what went wrong
};

/// What the command line of paceline-send asks for.
struct Options {
  RunSpec run;
  Format format = Format::text;
  std::string output;                   // file; empty: standard output
  bool plain = false;                   // text: lines, even where a picture could be drawn
  std::string hlog;                     // file of interval histograms; empty: none
  std::string report;                   // file of a page with charts; empty: none
  bool require_objectives = false;      // a slice that misses one has an exit code of its own
  std::vector<Objective> requirements;  // of all flows together; likewise
  std::optional<RemoteSender> remote;   // the run is to be run there
  std::optional<CampaignOptions> campaign;
  std::optional<RemoteSpec> serve;  // instead of a run: wait for others' runs
};

/// Parses the command line; prints help, version, lists and usage errors itself. Returns the exit code to end with when
/// there is nothing to run.
std::optional<int> parse_options(int argc, char** argv, Options& options);

}  // namespace paceline::sender
