// SPDX-License-Identifier: MIT
#include <memory>

#include "paceline/remote.h"
#include "paceline/units.h"
#include "sender/option_parser.h"

namespace paceline::sender {

void add_serve(CLI::App& app, CommandLine& line) {
  CLI::App& serve = *app.add_subcommand("serve", "Wait for others' instructions, and run what they ask for");
  const auto spec = std::make_shared<RemoteSpec>();
  serve.option_defaults()->group("Address");
  serve.add_option("--bind", spec->bind, "Address to listen on (default: all, IPv4 and IPv6)")->type_name("ADDR");
  serve.add_option("--port", spec->port, "Port, TCP; 0: any free one (default 8998)")
      ->check(CLI::Range(0, 65535).description(""))
      ->type_name("PORT");
  add_key_options(serve, line,
                  "Run what those ask for who have one of its keys: lines of NAME SECRET,\n"
                  "as paceline-recv --help shows (environment: PACELINE_KEY_FILE)");
  serve.get_option("--key")->description("Only the file's key of this name (default: all)");
  serve.option_defaults()->group("What is granted");
  serve.add_option("--max-runs", spec->max_runs, "Runs at once (default 4)")
      ->check(CLI::Range(1, 1024).description(""))
      ->type_name("N");
  add(serve, "--max-duration", spec->max_duration, units::parse_duration,
      "Longest flow, its delay and warm-up included (default 24h)")
      ->type_name("TIME");
  serve
      .add_option("--allow-receiver", spec->receivers,
                  "Where runs may go: an address, a network (192.0.2.0/24), or a name as\n"
                  "it is asked for; may be repeated (default: anywhere)")
      ->type_name("ADDR|NET|NAME");
  serve
      .add_option_function<std::string>(
          "--files", [spec](const std::string& folder) { spec->files = folder; },
          "Folder below which runs may name files of this machine: traces,\npayloads, empirical values (default: none)")
      ->type_name("DIR");
  serve.footer(
      "Examples:\n"
      "  paceline-send serve --key-file keys\n"
      "  paceline-send serve --key-file keys --allow-receiver 10.0.0.0/8 --max-duration 5m\n"
      "A run whose controller is gone is ended. SIGTERM and SIGINT end all runs with partial results.\n"
      "Exit codes: 0 it was stopped, 1 set-up failed, 2 usage.");
  serve.callback([&line, spec] {
    require_key_file(line);
    line.options.serve = *spec;
  });
}

void add_remote(CLI::App& app, CommandLine& line) {
  CLI::App& remote = *app.add_subcommand("remote", "Run something on another machine, by paceline-send serve there");
  const auto sender = std::make_shared<std::string>();
  remote.add_option("host", *sender, "Where it waits (default port 8998)")->required()->type_name("HOST[:PORT]");
  add_key_options(remote, line,
                  "Prove a key of this file, which the sender there must have, too\n(environment: PACELINE_KEY_FILE)");
  remote.footer(
      "Behind -- goes any measurement's command line: it is checked here, runs there, and is shown here.\n"
      "Examples:\n"
      "  paceline-send remote CLIENT --key-file keys -- latency NODE:30900 --rate 1k --json\n"
      "  paceline-send remote CLIENT:8998 --key-file keys -- run flows.toml\n"
      "Files that a run names are those of the machine where it runs.\n" +
      std::string(kExitCodes));
  remote.callback([&line, sender] {
    require_key_file(line);
    try {
      line.options.remote = RemoteSender{parse_endpoint(*sender, RemoteSpec::kPort), {}};
    } catch (const UsageError& error) {
      throw CLI::ValidationError("host", error.what());
    }
  });
}

}  // namespace paceline::sender
