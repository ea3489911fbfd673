// SPDX-License-Identifier: MIT
#include <memory>

#include "sender/option_parser.h"

namespace paceline::sender {

void add_connections(CLI::App& app, Options& options) {
  CLI::App& connections =
      *app.add_subcommand("connections", "Connection rate: connect, a request, its reply, close, again and again");
  auto flow = std::make_shared<ConnectionFlowSpec>();
  add_host(connections, options);

  connections.option_defaults()->group("Flow");
  add(connections, "--rate", flow->rate, units::parse_connection_rate,
      "Connections started per second: 500, 1k (default: as many as can be)")
      ->type_name("CPS");
  connections.add_flag_callback(
      "--udp", [flow] { flow->transport = Transport::udp; },
      "UDP exchanges, each from a port of its own, instead of TCP connections");
  add(connections, "--concurrency", flow->concurrency, count_of("concurrency", ConnectionFlowSpec::kMaxConcurrency),
      "Under way at once, at most (default: chosen for the machine)")
      ->type_name("N");
  add(connections, "--timeout", flow->timeout, units::parse_duration,
      "What takes longer has failed, 1ms to 60s (default 2s)")
      ->type_name("TIME");
  add_times(connections, *flow);
  add_common(connections, options);

  connections.footer(
      "The first packet of a connection is the one that walks a Service's rules: the times show what that costs.\n"
      "Examples:\n"
      "  paceline-send connections NODE:30900 --rate 1k --duration 10s\n"
      "  paceline-send connections NODE:30900                            (as many as can be)\n"
      "  paceline-send connections NODE:30900 --data-port 30899 --udp --rate 500\n"
      "Exit codes: 0 a complete result, 1 set-up failed, 2 usage, 3 a partial result.");
  connections.callback([&options, flow] { options.run.flows.assign(1, *flow); });
}

}  // namespace paceline::sender
