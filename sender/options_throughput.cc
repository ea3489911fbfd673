// SPDX-License-Identifier: MIT
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "sender/option_parser.h"
#include "sender/values.h"

namespace paceline::sender {

namespace {

/// What the command line says, until it is known which kinds of flow it means.
struct Throughput {
  std::string profile;
  bool udp = false;
  Given flow;
  bool bidirectional = false;
  std::optional<double> latency_pps;
  std::uint32_t latency_size = 512;
};

// As many packets as go through, as large as they fit.
PacketFlowSpec udp_load() {
  PacketFlowSpec flow;
  flow.rate_pps = 0;
  flow.size = 1400;
  flow.batching = Batching::offload;
  return flow;
}

// What UDP packets have of a packet flow's settings, beside those that they share with TCP streams.
const std::set<std::string> kOfUdp{"size", "packets", "batching", "batch",     "pacing",
                                   "late", "payload", "ecn",      "fragments", "seed"};

std::vector<FlowSpec> loads(const Throughput& asked) {
  if (asked.udp) return {with(udp_load(), asked.flow)};
  std::vector<FlowSpec> flows{with(flow_of(asked.profile, TcpFlowSpec{}), asked.flow)};
  if (asked.bidirectional) flows.push_back(with(flows.front(), {{"reverse", "true"}}));
  return flows;
}

FlowSpec latency_beside(const Throughput& asked) {
  Given times;
  for (const char* name : {"duration", "omit", "interval", "delay"}) {
    if (const auto found = asked.flow.find(name); found != asked.flow.end()) times.insert(*found);
  }
  PacketFlowSpec flow;
  flow.rate_pps = *asked.latency_pps;
  flow.size = asked.latency_size;
  return with(flow, times);
}

// Settings that both kinds of load have go to either; the others need --udp or exclude it.
void add_loads(CLI::App& app, Throughput& asked, CLI::Option* udp) {
  for (const auto& setting : throughput_settings()) {
    if (setting.where == Where::file) continue;
    CLI::Option* option = add_setting(app, setting, asked.flow);
    if (!find(packet_settings(), setting.name)) option->excludes(udp);
  }
  app.option_defaults()->group("TCP");
  app.add_flag("--bidirectional", asked.bidirectional, "Both ways at once, on connections of their own")
      ->excludes(app.get_option("--reverse"));
  for (Setting<PacketFlowSpec> setting : packet_settings()) {
    if (!kOfUdp.contains(setting.name)) continue;
    setting.group = "UDP";
    add_setting(app, setting, asked.flow, {{"size", "1400"}, {"batching", "offload"}})->needs(udp);
  }
}

}  // namespace

void add_throughput(CLI::App& app, CommandLine& line) {
  CLI::App& throughput = *app.add_subcommand("throughput", "Goodput of TCP streams, or of UDP packets with --udp");
  auto asked = std::make_shared<Throughput>();
  add_host(throughput, line);

  throughput.option_defaults()->group("Flow");
  CLI::Option* udp = throughput.add_flag("--udp", asked->udp, "UDP packets instead of TCP streams");
  add_profile(throughput, asked->profile)->excludes(udp)->group("Flow");
  add_loads(throughput, *asked, udp);

  throughput.option_defaults()->group("Latency under load");
  CLI::Option* beside = add(
                            throughput, "--with-latency", asked->latency_pps,
                            [](const std::string& text) { return std::optional(units::parse_packet_rate(text)); },
                            "Measure delay at the same time, with a UDP flow of so many packets\n"
                            "per second beside the load")
                            ->type_name("PPS");
  add(throughput, "--latency-size", asked->latency_size, parse_packet_size,
      "UDP payload of that flow's packets in bytes (default 512)")
      ->type_name("BYTES")
      ->needs(beside);
  add_common(throughput, line);

  throughput.footer(
      std::string("Examples:\n"
                  "  paceline-send throughput HOST                                   (one stream, flat out)\n"
                  "  paceline-send throughput NODE:30900 --bitrate 500M --streams 4 --omit 2s\n"
                  "  paceline-send throughput HOST --reverse --congestion bbr --json\n"
                  "  paceline-send throughput HOST --with-latency 1k                 (delay under load)\n"
                  "  paceline-send throughput HOST --udp --bitrate 5G --size 1400\n"
                  "With only the signalling NodePort exposed TCP uses that one; UDP needs the data port's, too.\n") +
      kExitCodes);
  throughput.callback([&line, asked] {
    if (asked->udp && asked->bidirectional)
      throw CLI::ValidationError("--bidirectional", "is for TCP only: UDP packets go from this end to the receiver");
    finish_run(line);
    auto& flows = line.options.run.flows;
    flows = as_options([&] { return loads(*asked); });
    if (asked->latency_pps) flows.push_back(as_options([&] { return latency_beside(*asked); }));
  });
}

}  // namespace paceline::sender
