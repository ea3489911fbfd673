// SPDX-License-Identifier: MIT
#include <memory>

#include "paceline/validate.h"
#include "sender/option_parser.h"
#include "sender/values.h"

namespace paceline::sender {

namespace {

/// What the command line says, until all of it is known.
struct Latency {
  std::string profile;
  Given flow;
  std::uint32_t flows = 1;
};

std::uint32_t parse_flow_count(const std::string& text) {
  const std::uint32_t flows = units::parse_count(text, "flows", RunSpec::kMaxFlows);
  if (flows == 0) throw UsageError("flows is 0: it must be 1 to " + std::to_string(RunSpec::kMaxFlows));
  return flows;
}

// Packets without a pace queue behind each other: their delay is the sender's own doing.
void refuse_flat_out(const PacketFlowSpec& flow) {
  if (flow.rate_pps == 0 && !flow.model && !flow.trace)
    throw CLI::ValidationError("--rate",
                               "rate is 0: it must be above 0 and at most 100M (as fast as can be: throughput --udp)");
}

}  // namespace

void add_latency(CLI::App& app, CommandLine& line) {
  CLI::App& latency = *app.add_subcommand(
      "latency", "Delay, loss and jitter of packets: at a constant rate, random, or as an application sends them");
  auto asked = std::make_shared<Latency>();
  add_host(latency, line);
  add_profile(latency, asked->profile);
  add_settings(latency, packet_settings(), asked->flow);
  latency.option_defaults()->group("Traffic");
  add(latency, "--flows", asked->flows, parse_flow_count,
      "So many flows like this, from a port each, their packets due one after\nthe other; with more than 8 the text "
      "shows their sum (default 1)")
      ->type_name("N");
  latency.option_defaults()->group("Measurement");
  latency.add_flag_callback(
      "--round-trip", [asked] { asked->flow["meter"] = "round-trip"; }, "The same as --meter round-trip");
  add_common(latency, line);

  latency.footer(
      std::string("Examples:\n"
                  "  paceline-send latency 192.0.2.7:30900 --rate 1k --size 512 --duration 10s\n"
                  "  paceline-send latency NODE:30900 --data-port 30899 --json --output result.json\n"
                  "  paceline-send latency HOST --rate 1k --idt exponential --size normal:mean=512,stddev=64\n"
                  "  paceline-send latency HOST --profile voip:codec=g729.2 --flows 100 --dscp EF\n"
                  "  paceline-send latency HOST --trace capture.pcap --trace-speed 2 --round-trip\n"
                  "  paceline-send latency HOST --protocol icmp --rate 10      (no receiver needed)\n") +
      kExitCodes);
  latency.callback([&line, asked] {
    FlowSpec flow = as_options([&] { return with(flow_of(asked->profile, PacketFlowSpec{}), asked->flow); });
    refuse_flat_out(std::get<PacketFlowSpec>(flow));
    finish_run(line);
    validate(flow);
    expect_rate(flow);
    line.options.run.flows = alike(flow, asked->flows);
  });
}

}  // namespace paceline::sender
