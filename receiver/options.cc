// SPDX-License-Identifier: MIT
#include "receiver/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "cli/parse_error.h"
#include "paceline/endpoint.h"
#include "paceline/version.h"
#include "receiver/option_parser.h"
#include "receiver/option_sources.h"

namespace paceline::receiver {

namespace {

constexpr int kSetupFailed = 1, kUsage = 2;

/// "udp=30899,tcp=30899", or "30899" for both: the data port as senders see it.
void parse_advertised(const std::vector<std::string>& parts, ReceiverSpec& spec) {
  for (const std::string& part : parts) {
    const auto equals = part.find('=');
    const std::string protocol = equals == std::string::npos ? "" : part.substr(0, equals);
    if (equals != std::string::npos && protocol != "udp" && protocol != "tcp")
      throw UsageError("--advertise: '" + part + "': write udp=PORT, tcp=PORT, or one PORT for both");
    const std::uint16_t port = parse_port(equals == std::string::npos ? part : part.substr(equals + 1));
    if (protocol != "tcp") spec.advertise_udp = port;
    if (protocol != "udp") spec.advertise_tcp = port;
  }
}

/// What the texts mean. Throws UsageError.
void apply(const GivenTexts& given, ReceiverSpec& spec) {
  parse_advertised(given.advertised, spec);
  if (!given.key_name.empty() && given.key_file.empty()) throw UsageError("--key names a key of --key-file: give both");
  if (!given.key_file.empty()) spec.key_file = KeyFile{given.key_file, given.key_name};
  if (given.tls.certificate.empty() != given.tls.key.empty())
    throw UsageError("TLS needs a certificate and its key: give --tls-certificate and --tls-key");
  if (!given.tls.key.empty()) spec.tls = given.tls;
  const auto allowed = [&](const char* hook) {
    return given.hooks.empty() || std::ranges::find(given.hooks, hook) != given.hooks.end();
  };
  spec.allow_tcx = allowed("tcx");
  spec.allow_clsact = allowed("clsact");
  spec.allow_netstamp = allowed("netstamp");
  if (!given.record_directory.empty()) spec.record_directory = given.record_directory;
  if (spec.dial_only && spec.dial.empty()) throw UsageError("--dial-only needs somebody to dial: --dial HOST");
}

}  // namespace

std::optional<int> parse_options(int argc, char** argv, Options& options) {
  CLI::App app("Receives what paceline-send sends, and measures it.", "paceline-recv");
  app.set_version_flag("--version", std::string(kVersion));
  app.get_formatter()->column_width(34);
  options.spec.grace = std::chrono::seconds(25);  // less than the 30 s that Kubernetes gives
  GivenTexts given;
  add_addresses(app, options, given);
  add_running(app, options, given);
  add_operations(app, options);
  add_stamps(app, options, given);
  add_limits(app, options);
  app.footer(
      "Each option may come from the environment, too: --data-port as PACELINE_DATA_PORT; or from the file of "
      "--config,\n"
      "a line data_port = 8999 (TOML; [\"a\", \"b\"] for what may be repeated). The command line comes first, then "
      "the\n"
      "environment.\n"
      "The TC hook needs CAP_BPF and CAP_NET_ADMIN (or root); without, the next rung is used.\n"
      "SIGTERM lets flows end for the time of --grace; SIGINT, or a second signal, ends it at once, and senders get\n"
      "partial summaries.\n"
      "Exit codes: 0 it was stopped or is done, 1 set-up failed, 2 usage.");
  try {
    app.parse(argc, argv);
    options.notes = take_from_environment(app);
    if (!given.config_file.empty()) take_from_file(app, given.config_file);
    apply(given, options.spec);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    return help_shown(app, error) ? 0 : kUsage;
  } catch (const UsageError& error) {
    std::cerr << "paceline-recv: " << error.what() << "\nRun with --help for more information.\n";
    return kUsage;
  } catch (const FileError& error) {
    std::cerr << "paceline-recv: " << error.what() << '\n';
    return kSetupFailed;
  }
}

}  // namespace paceline::receiver
