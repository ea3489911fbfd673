// SPDX-License-Identifier: MIT
#include <memory>

#include "sender/option_parser.h"

namespace paceline::sender {

void add_connections(CLI::App& app, CommandLine& line) {
  CLI::App& connections =
      *app.add_subcommand("connections", "Connection rate: connect, a request, its reply, close, again and again");
  auto asked = std::make_shared<Given>();
  add_host(connections, line);
  add_settings(connections, connection_settings(), *asked);
  connections.option_defaults()->group("Flow");
  connections.add_flag_callback(
      "--udp", [asked] { (*asked)["protocol"] = "udp"; }, "The same as --protocol udp");
  add_common(connections, line);

  connections.footer(
      std::string("The first packet of a connection is the one that walks a Service's rules: the times show what that "
                  "costs.\n"
                  "Examples:\n"
                  "  paceline-send connections NODE:30900 --rate 1k --duration 10s\n"
                  "  paceline-send connections NODE:30900                            (as many as can be)\n"
                  "  paceline-send connections NODE:30900 --data-port 30899 --udp --rate 500\n") +
      kExitCodes);
  connections.callback([&line, asked] {
    finish_run(line);
    line.options.run.flows = {as_options([&] { return with(ConnectionFlowSpec{}, *asked); })};
  });
}

}  // namespace paceline::sender
