// SPDX-License-Identifier: MIT
#include <iostream>
#include <memory>
#include <utility>

#include "sender/campaign_file.h"
#include "sender/ditg_script.h"
#include "sender/flows_file.h"
#include "sender/option_parser.h"

namespace paceline::sender {

namespace {

constexpr int kUsage = 2;

/// A file and what takes the place of its settings.
struct FromFile {
  std::string file;
  Given flows;
};

void add_file(CLI::App& app, FromFile& asked, const std::string& what) {
  app.add_option("file", asked.file, what)->required()->type_name("FILE");
}

// Errors in a file have their places there: the command line's help does not help with them.
template <class Read>
void read_file(CommandLine& line, const Read& read) {
  try {
    read();
  } catch (const UsageError& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    line.exit_code = kUsage;
  }
}

void add_campaign(CLI::App& run, CampaignOptions& asked) {
  run.option_defaults()->group("Campaigns");
  run.add_flag("--resume", asked.spec.resume,
               "Go on with --output where a campaign was interrupted, whatever\ninterrupted it");
  run.add_flag("--retry-failed", asked.spec.retry_failed, "With --resume: make the runs again that were given up");
  run.add_flag("--dry-run", asked.dry_run,
               "List the runs in their order, with the time that they take, and make\nnone");
  run.add_flag("--quiet", asked.quiet, "No progress, only what went wrong");
}

void take_campaign(CommandLine& line, const CampaignOptions& asked, CampaignSpec spec) {
  if (line.options.format != Format::text || !line.options.hlog.empty() || !line.options.report.empty())
    throw UsageError(
        "a campaign's results are a line of JSON a run in --output: leave --json and other forms out; paceline-decode "
        "compare and report make tables and charts of them");
  if (asked.spec.retry_failed && !asked.spec.resume)
    throw UsageError("--retry-failed makes runs again that a file has as failed: give --resume, too");
  spec.resume = asked.spec.resume;
  spec.retry_failed = asked.spec.retry_failed;
  if (!line.options.output.empty()) spec.output = line.options.output;
  line.options.campaign = CampaignOptions{std::move(spec), asked.dry_run, asked.quiet};
}

// A file of flows is a run, or with [campaign], [axes] or [hooks] a campaign.
void read_run(CommandLine& line, const FromFile& asked, const CampaignOptions& campaign) {
  const std::string text = read_toml(asked.file);
  const Instead instead{.run = line.run, .flows = asked.flows};
  if (is_campaign(text, asked.file)) return take_campaign(line, campaign, parse_campaign(text, asked.file, instead));
  if (campaign.spec.resume || campaign.spec.retry_failed || campaign.dry_run || campaign.quiet)
    throw UsageError("--resume, --retry-failed, --dry-run and --quiet are for campaigns: " + asked.file +
                     " has neither [campaign] nor [axes] nor [hooks]");
  line.options.run = parse_flows(text, asked.file, instead);
}

void add_run(CLI::App& app, CommandLine& line) {
  CLI::App& run = *app.add_subcommand("run", "Flows and slices, or a whole campaign, from a file (TOML)");
  auto asked = std::make_shared<FromFile>();
  auto campaign = std::make_shared<CampaignOptions>();
  add_file(run, *asked, "The flows, or the campaign, as sender/README.md and examples/ show them");
  add_host(run, line);
  run.get_option("host")->description("The receiver, instead of the file's");
  for (const char* name : {"duration", "omit", "interval"})
    add_setting(run, *find(packet_settings(), name), asked->flows);
  add_campaign(run, *campaign);
  run.option_defaults()->group("Slices");
  run.add_flag("--require-objectives", line.options.require_objectives,
               "Exit code 4 when a slice misses an objective, or it could not be\nmeasured");
  add_common(run, line);
  run.footer(std::string("What is given here takes the place of the file's. A campaign writes each run to --output\n"
                         "(default runs.ndjson) as soon as it is over; Ctrl-C ends it, --resume goes on.\n"
                         "Examples:\n"
                         "  paceline-send run examples/slices.toml NODE:30900\n"
                         "  paceline-send run flows.toml --duration 5s --require-objectives --json\n"
                         "  paceline-send run examples/paper.toml --dry-run\n"
                         "  paceline-send run campaign.toml --output runs.ndjson --resume\n") +
             kExitCodes);
  run.callback([&line, asked, campaign] { read_file(line, [&] { read_run(line, *asked, *campaign); }); });
}

void add_ditg(CLI::App& app, CommandLine& line) {
  CLI::App& ditg = *app.add_subcommand("ditg", "Flows from a D-ITG script: a line each, in ITGSend's options");
  auto asked = std::make_shared<FromFile>();
  add_file(ditg, *asked, "The script, as ITGSend reads it");
  add_common(ditg, line);
  ditg.footer(std::string("Examples:\n"
                          "  paceline-send ditg script_file\n"
                          "  paceline-send ditg script_file --json --output result.json\n") +
              kExitCodes);
  ditg.callback([&line, asked] {
    read_file(line, [&] {
      DitgRun script = read_ditg_script(asked->file);
      for (const std::string& note : script.notes) std::cerr << "note: " << note << '\n';
      line.options.run = std::move(script.run);
      for (FlowSpec& flow : line.options.run.flows) expect_rate(flow);
    });
    as_options([&] { apply(run_settings(), line.run, line.options.run); });
  });
}

}  // namespace

void add_files(CLI::App& app, CommandLine& line) {
  add_run(app, line);
  add_ditg(app, line);
}

}  // namespace paceline::sender
