// SPDX-License-Identifier: MIT
#include "sender/options.h"

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "cli/parse_error.h"
#include "paceline/profile.h"
#include "paceline/validate.h"
#include "paceline/version.h"
#include "sender/option_parser.h"

namespace paceline::sender {

namespace {

constexpr int kSetupFailed = 1, kUsage = 2;

void choose_family(Given& run, const std::string& family) {
  const auto [chosen, first] = run.emplace("family", family);
  if (!first && chosen->second != family)
    throw CLI::ValidationError("-4 and -6 exclude each other; without either, both families are tried");
}

void choose_format(Options& options, Format format) {
  if (options.format != Format::text && options.format != format)
    throw CLI::ValidationError("--json, --ndjson, --csv and --csv-summary exclude each other");
  options.format = format;
}

Objective as_requirement(const std::string& text) {
  try {
    return parse_objective(text);
  } catch (const UsageError& error) {
    throw CLI::ValidationError("--require", error.what());
  }
}

void add_output(CLI::App& app, Options& options) {
  app.option_defaults()->group("Output");
  app.add_flag_callback(
      "--json", [&options] { choose_format(options, Format::json); }, "One JSON document when the flows have ended");
  app.add_flag_callback(
      "--ndjson", [&options] { choose_format(options, Format::ndjson); },
      "A line of JSON for each interval while the flows run, then the\nsummary");
  app.add_flag_callback(
      "--csv", [&options] { choose_format(options, Format::csv); },
      "A line of CSV for each interval while the flows run, below the\ncolumns' names");
  app.add_flag_callback(
      "--csv-summary", [&options] { choose_format(options, Format::csv_summary); },
      "A line of CSV for each flow when they have ended");
  app.add_flag("--plain", options.plain, "Lines of text instead of a picture that is redrawn, which a terminal\ngets");
  app.add_option("--output", options.output, "Write results there instead of to standard output")->type_name("FILE");
  app.add_option("--hlog", options.hlog, "Delays as an HdrHistogram log, too (.hlog): a histogram an interval")
      ->type_name("FILE");
  app.add_option("--report", options.report, "A page with charts, too (.html): one file that any browser opens")
      ->type_name("FILE");
  app.add_option_function<std::vector<std::string>>(
         "--require",
         [&options](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) options.requirements.push_back(as_requirement(text));
         },
         "Exit code 4 unless all flows together meet it: 'p99 < 2ms',\n'loss < 0.1%', 'throughput > 10M'; may be "
         "repeated")
      ->type_name("OBJECTIVE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

std::optional<int> parse_command(std::vector<std::string> words, CommandLine& line) {
  CLI::App app("Measures a network path with paced flows against paceline-recv, through NodePorts and NATs.",
               "paceline-send");
  app.set_version_flag("--version", std::string(kVersion));
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer(
      "Each command has its own help, with examples: paceline-send throughput --help\n"
      "  paceline-send latency HOST --rate 1k\n"
      "  paceline-send latency HOST --profile voip\n"
      "  paceline-send throughput HOST --bitrate 500M\n"
      "  paceline-send connections HOST --rate 1k\n"
      "  paceline-send run flows.toml");
  add_latency(app, line);
  add_throughput(app, line);
  add_connections(app, line);
  add_files(app, line);
  add_lists(app, line);
  if (!line.remote) {
    add_serve(app, line);
    add_remote(app, line);
  }
  try {
    std::reverse(words.begin(), words.end());  // as CLI11 takes them
    app.parse(std::move(words));
    if (line.exit_code) return line.exit_code;
    apply_security(line);
    for (const FlowSpec& flow : line.options.run.flows) validate(flow);
  } catch (const CLI::ParseError& error) {
    return help_shown(app, error) ? 0 : kUsage;
  } catch (const UsageError& error) {
    std::cerr << error.what() << "\nRun with --help for more information.\n";
    return kUsage;
  } catch (const FileError& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    return kSetupFailed;
  }
  return std::nullopt;
}

}  // namespace

void add_host(CLI::App& app, CommandLine& line) {
  app.add_option_function<std::string>(
         "host", [&line](const std::string& text) { line.run["receiver"] = text; },
         "The receiver's signalling channel (default port 9000). Behind a\n"
         "NodePort: the node's address and the NodePort. IPv6: [ADDRESS]:PORT")
      ->type_name("HOST[:PORT]");
}

void add_common(CLI::App& app, CommandLine& line) {
  add_settings(app, run_settings(), line.run);
  app.option_defaults()->group("Path");
  app.add_flag_callback(
      "-4", [&line] { choose_family(line.run, "ipv4"); }, "IPv4 only");
  app.add_flag_callback(
      "-6", [&line] { choose_family(line.run, "ipv6"); }, "IPv6 only");
  add_security(app, line);
  add_output(app, line.options);
}

void finish_run(CommandLine& line) {
  if (line.run.contains("receiver") && line.run.contains("listen"))
    throw CLI::ValidationError("--listen", "waits for the receiver that dials in: leave HOST out");
  if (!line.run.contains("receiver") && !line.run.contains("listen"))
    throw CLI::RequiredError("HOST (or --listen, for a receiver that dials in)");
  as_options([&] { apply(run_settings(), line.run, line.options.run); });
}

CLI::Option* add_profile(CLI::App& app, std::string& profile) {
  app.option_defaults()->group("Traffic");
  return app
      .add_option("--profile", profile,
                  "An application's traffic: voip, or voip:codec=g729.2,vad=on\n(paceline-send profiles lists them); "
                  "options beside it change it")
      ->type_name("NAME[:PARAMETER=VALUE,...]");
}

FlowSpec flow_of(const std::string& profile, const FlowSpec& otherwise) {
  if (profile.empty()) return otherwise;
  const FlowSpec flow = as_options([&] {
    try {
      return make_profile(profile);
    } catch (const UsageError& error) {
      throw BadSetting("profile", error.what());
    }
  });
  if (flow.index() != otherwise.index()) {
    constexpr const char* kCommands[] = {"latency", "throughput", "connections"};
    throw CLI::ValidationError("--profile", "'" + profile + "' is for paceline-send " + kCommands[flow.index()]);
  }
  return flow;
}

std::optional<int> parse_options(int argc, char** argv, Options& options) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  // What is behind -- is another command line.
  const bool remote = !words.empty() && words.front() == "remote";
  const auto behind = remote ? std::ranges::find(words, "--") : words.end();
  CommandLine line{.options = options, .remote = false, .keys = {}, .tls = {}, .run = {}, .exit_code = {}};
  if (const auto code = parse_command({words.begin(), behind}, line)) return code;
  if (!remote) return std::nullopt;
  if (behind == words.end()) {
    std::cerr << "paceline-send: what is to be run there? Put its command line behind --:\n"
                 "  paceline-send remote HOST --key-file keys -- latency RECEIVER --rate 1k\n";
    return kUsage;
  }
  CommandLine there{.options = options, .remote = true, .keys = {}, .tls = {}, .run = {}, .exit_code = {}};
  return parse_command({behind + 1, words.end()}, there);
}

}  // namespace paceline::sender
