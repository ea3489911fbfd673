// SPDX-License-Identifier: MIT
#include <memory>
#include <optional>
#include <vector>

#include "sender/option_parser.h"

namespace paceline::sender {

namespace {

/// What the command line says, until it is known which kinds of flow it means.
struct Throughput {
  bool udp = false;
  double bitrate_bps = 0;
  TcpFlowSpec tcp;  // its times are those of all flows
  UdpFlowSpec packets{.rate_pps = 0, .size = 1400, .batching = Batching::offload};
  bool bidirectional = false;
  std::optional<double> latency_pps;
  std::uint32_t latency_size = 512;
};

template <class Spec>
Spec with_times_of(Spec flow, const TcpFlowSpec& times) {
  flow.duration = times.duration;
  flow.omit = times.omit;
  flow.interval = times.interval;
  return flow;
}

std::vector<FlowSpec> flows_of(const Throughput& asked) {
  std::vector<FlowSpec> flows;
  if (asked.udp) {
    UdpFlowSpec flow = with_times_of(asked.packets, asked.tcp);
    flow.rate_pps = asked.bitrate_bps / (8.0 * flow.size);
    flows.emplace_back(flow);
  } else {
    TcpFlowSpec flow = asked.tcp;
    flow.bitrate_bps = asked.bitrate_bps;
    flows.emplace_back(flow);
    if (asked.bidirectional) {
      flow.direction = Direction::reverse;
      flows.emplace_back(flow);
    }
  }
  if (asked.latency_pps) {
    const UdpFlowSpec beside{.rate_pps = *asked.latency_pps, .size = asked.latency_size};
    flows.emplace_back(with_times_of(beside, asked.tcp));
  }
  return flows;
}

void add_tcp(CLI::App& app, Throughput& asked, CLI::Option* udp) {
  app.option_defaults()->group("TCP");
  TcpFlowSpec& flow = asked.tcp;
  const auto tcp_only = [&](CLI::Option* option) { return option->excludes(udp); };
  tcp_only(add(app, "--streams", flow.streams, count_of("streams", TcpFlowSpec::kMaxStreams),
               "Connections at once, 1 to 1024 (default 1)"))
      ->type_name("N");
  tcp_only(add(app, "--bytes", flow.bytes, units::parse_bytes,
               "End when so many bytes were written by all streams together:\n"
               "1G, 500M; --duration ends it as well, if that comes first"))
      ->type_name("BYTES");
  tcp_only(add(
               app, "--congestion", flow.congestion, [](const std::string& text) { return text; },
               "Congestion control of the sending end: cubic, bbr, reno, ...\n(default: its kernel's)"))
      ->type_name("NAME");
  tcp_only(add(app, "--mss", flow.mss, count_of("mss", 32767), "Largest segment in bytes (default: the path's)"))
      ->type_name("BYTES");
  tcp_only(add(app, "--socket-buffer", flow.socket_buffer, units::parse_bytes,
               "Socket buffer of both ends (default: the kernel tunes it)"))
      ->type_name("BYTES");
  tcp_only(app.add_flag("--no-delay", flow.no_delay, "Nagle's algorithm off (TCP_NODELAY)"));
  tcp_only(app.add_flag_callback(
      "--zero-copy", [&flow] { flow.send = SendMode::zero_copy; },
      "Send without copying: the kernel takes the pages as they are"));
  tcp_only(add(app, "--receive", flow.receive,
               one_of<ReceiveMode>({{"discard", ReceiveMode::discard}, {"copy", ReceiveMode::copy}}),
               "What becomes of the bytes: discard (in the kernel: measures the\n"
               "path), copy (to the application, as a program would) (default\n"
               "discard)"))
      ->type_name("discard|copy");
  CLI::Option* reverse = app.add_flag_callback(
      "--reverse", [&flow] { flow.direction = Direction::reverse; },
      "The receiver sends, over connections that this end opens");
  app.add_flag("--bidirectional", asked.bidirectional, "Both ways at once, on connections of their own")
      ->excludes(reverse);
}

void add_udp(CLI::App& app, Throughput& asked, CLI::Option* udp) {
  app.option_defaults()->group("UDP");
  add(app, "--size", asked.packets.size, parse_packet_size,
      "UDP payload in bytes, 18 (the header) to 65507 (default 1400)")
      ->type_name("BYTES")
      ->needs(udp);
  add_batching(app, asked.packets, "offload");
  add_pacing(app, asked.packets);
  for (const char* name : {"--batching", "--batch", "--pacing", "--late"}) app.get_option(name)->needs(udp);
}

}  // namespace

void add_throughput(CLI::App& app, Options& options) {
  CLI::App& throughput = *app.add_subcommand("throughput", "Goodput of TCP streams, or of UDP packets with --udp");
  auto asked = std::make_shared<Throughput>();
  add_host(throughput, options);

  throughput.option_defaults()->group("Flow");
  CLI::Option* udp = throughput.add_flag("--udp", asked->udp, "UDP packets instead of TCP streams");
  add(throughput, "--bitrate", asked->bitrate_bps, units::parse_bitrate,
      "Bits of payload per second of all streams together: 500M, 1.5G\n(default: as fast as can be)")
      ->type_name("BPS");
  add_times(throughput, asked->tcp);
  add_tcp(throughput, *asked, udp);
  add_udp(throughput, *asked, udp);

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
  add_common(throughput, options);

  throughput.footer(
      "Examples:\n"
      "  paceline-send throughput HOST                                   (one stream, flat out)\n"
      "  paceline-send throughput NODE:30900 --bitrate 500M --streams 4 --omit 2s\n"
      "  paceline-send throughput HOST --reverse --congestion bbr --json\n"
      "  paceline-send throughput HOST --with-latency 1k                 (delay under load)\n"
      "  paceline-send throughput HOST --udp --bitrate 5G --size 1400\n"
      "With only the signalling NodePort exposed TCP uses that one; UDP needs the data port's, too.\n"
      "Exit codes: 0 a complete result, 1 set-up failed, 2 usage, 3 a partial result.");
  throughput.callback([&options, asked] {
    if (asked->udp && (asked->bidirectional || asked->tcp.direction == Direction::reverse)) {
      throw CLI::ValidationError(asked->bidirectional ? "--bidirectional" : "--reverse",
                                 "is for TCP only: UDP packets go from this end to the receiver");
    }
    options.run.flows = flows_of(*asked);
  });
}

}  // namespace paceline::sender
