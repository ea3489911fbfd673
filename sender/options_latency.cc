// SPDX-License-Identifier: MIT
#include <memory>

#include "sender/option_parser.h"

namespace paceline::sender {

namespace {

// Packets without a pace queue behind each other: their delay is the sender's own doing.
double parse_pace(const std::string& text) {
  const double rate = units::parse_packet_rate(text);
  if (rate == 0)
    throw UsageError("rate is 0: it must be above 0 and at most 100M (as fast as can be: throughput --udp)");
  return rate;
}

}  // namespace

void add_latency(CLI::App& app, Options& options) {
  CLI::App& latency = *app.add_subcommand("latency", "Delay, loss and jitter of UDP packets at a constant rate");
  auto flow = std::make_shared<UdpFlowSpec>();
  auto flows = std::make_shared<std::uint32_t>(1);
  add_host(latency, options);

  latency.option_defaults()->group("Flow");
  add(latency, "--rate", flow->rate_pps, parse_pace, "Packets per second of each flow: 500, 1k, 2.5k (default 1k)")
      ->type_name("PPS");
  add(latency, "--size", flow->size, parse_packet_size, "UDP payload in bytes, 18 (the header) to 65507 (default 512)")
      ->type_name("BYTES");
  add(latency, "--flows", *flows, count_of("flows", RunSpec::kMaxFlows),
      "So many flows like this, from a port each, their packets due one after\nthe other; with more than 8 the text "
      "shows their sum (default 1)")
      ->type_name("N");
  add_times(latency, *flow);
  add_pacing(latency, *flow);
  add_batching(latency, *flow, "single");
  add_common(latency, options);

  latency.footer(
      "Examples:\n"
      "  paceline-send latency 192.0.2.7:30900 --rate 1k --size 512 --duration 10s\n"
      "  paceline-send latency NODE:30900 --data-port 30899 --json --output result.json\n"
      "  paceline-send latency HOST --flows 100 --rate 50 --size 200    (100 VoIP calls)\n"
      "Exit codes: 0 a complete result, 1 set-up failed, 2 usage, 3 a partial result.");
  latency.callback([&options, flow, flows] {
    if (*flows == 0) throw CLI::ValidationError("--flows", "flows is 0: it must be 1 to 1024");
    options.run.flows.assign(*flows, *flow);
  });
}

}  // namespace paceline::sender
