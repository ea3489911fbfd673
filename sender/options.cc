// SPDX-License-Identifier: MIT
#include "sender/options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "paceline/endpoint.h"
#include "paceline/units.h"
#include "paceline/version.h"

namespace paceline::sender {

namespace {

constexpr int kUsage = 2;

/// Parses `text` into `target` when the option is given; a UsageError becomes the command line's.
template <class Target, class Parse>
CLI::Option* add(CLI::App& app, const std::string& name, Target& target, const Parse& parse, const std::string& help) {
  return app.add_option_function<std::string>(
      name,
      [&target, parse, name](const std::string& text) {
        try {
          target = parse(text);
        } catch (const UsageError& error) {
          throw CLI::ValidationError(name, error.what());
        }
      },
      help);
}

/// A parser for one of a few words.
template <class Value>
auto one_of(std::map<std::string, Value> choices) {
  return [choices = std::move(choices)](const std::string& text) {
    const auto found = choices.find(text);
    if (found != choices.end()) return found->second;
    std::string allowed;
    for (const auto& [name, value] : choices) allowed += (allowed.empty() ? "" : ", ") + name;
    throw UsageError("'" + text + "' is none of " + allowed);
  };
}

void choose_family(RunSpec& run, Family family) {
  if (run.family != Family::any && run.family != family)
    throw CLI::ValidationError("-4 and -6 exclude each other; without either, both families are tried");
  run.family = family;
}

void choose_format(Options& options, Format format) {
  if (options.format != Format::text && options.format != format)
    throw CLI::ValidationError("--json and --ndjson exclude each other");
  options.format = format;
}

void add_latency(CLI::App& app, Options& options) {
  CLI::App& latency = *app.add_subcommand("latency", "One UDP flow at a constant rate: delay, loss, jitter");
  RunSpec& run = options.run;
  FlowSpec& flow = run.flows.front();

  add(
      latency, "host", run.receiver, [](const std::string& text) { return parse_endpoint(text, 9000); },
      "The receiver's signalling channel (default port 9000). Behind a\n"
      "NodePort: the node's address and the NodePort. IPv6: [ADDRESS]:PORT")
      ->required()
      ->type_name("HOST[:PORT]");

  latency.option_defaults()->group("Flow");
  add(latency, "--rate", flow.rate_pps, units::parse_packet_rate, "Packets per second: 500, 1k, 2.5k (default 1k)")
      ->type_name("PPS");
  add(
      latency, "--size", flow.size,
      [](const std::string& text) {
        const std::uint64_t bytes = units::parse_bytes(text);
        if (bytes > FlowSpec::kMaxSize) throw UsageError("size '" + text + "': the largest UDP payload is 65507 bytes");
        return static_cast<std::uint32_t>(bytes);
      },
      "UDP payload in bytes, 18 (the header) to 65507 (default 512)")
      ->type_name("BYTES");
  add(latency, "--duration", flow.duration, units::parse_duration,
      "How long to send: 30s, 5m, 200ms; a bare number is seconds (default 30s)")
      ->type_name("TIME");
  add(latency, "--interval", flow.interval, units::parse_duration,
      "Length of a row of live results; a bare number is seconds (default 1s)")
      ->type_name("TIME");
  add(latency, "--pacing", flow.pacing,
      one_of<Pacing>({{"sleep", Pacing::sleep}, {"hybrid", Pacing::hybrid}, {"busy", Pacing::busy}}),
      "How to wait for a packet's time: sleep (cheap), hybrid (sleep,\n"
      "then spin the rest), busy (spin, costs a core) (default hybrid)")
      ->type_name("sleep|hybrid|busy");
  add(latency, "--late", flow.late, one_of<LatePolicy>({{"send", LatePolicy::send}, {"skip", LatePolicy::skip}}),
      "Packets that are a whole gap late: send them all the same, or\n"
      "skip and count them (default send)")
      ->type_name("send|skip");

  latency.option_defaults()->group("Path");
  add(
      latency, "--data-port", run.data_port, [](const std::string& text) { return std::optional(parse_port(text)); },
      "The only port to try for data: the NodePort that maps to the\n"
      "receiver's data port, when the receiver does not advertise it")
      ->type_name("PORT");
  latency.add_flag_callback(
      "-4", [&run] { choose_family(run, Family::ipv4); }, "IPv4 only");
  latency.add_flag_callback(
      "-6", [&run] { choose_family(run, Family::ipv6); }, "IPv6 only");
  add(latency, "--clock", run.clock,
      one_of<ClockPolicy>({{"estimate", ClockPolicy::estimate}, {"synchronized", ClockPolicy::synchronized}}),
      "Where one-way delays get their common clock: estimate (measured on\n"
      "the path), synchronized (you vouch for both ends' clocks: PTP, NTP)\n"
      "(default estimate)")
      ->type_name("estimate|synchronized");

  latency.option_defaults()->group("Output");
  latency.add_flag_callback(
      "--json", [&options] { choose_format(options, Format::json); }, "One JSON document when the flow has ended");
  latency.add_flag_callback(
      "--ndjson", [&options] { choose_format(options, Format::ndjson); },
      "A line of JSON for each interval while the flow runs, then the\nsummary");
  latency.add_option("--output", options.output, "Write results there instead of to standard output")
      ->type_name("FILE");
  latency.footer(
      "Example: paceline-send latency 192.0.2.7:30900 --rate 1k --size 512 --duration 10s\n"
      "Exit codes: 0 a complete result, 1 set-up failed, 2 usage, 3 a partial result.");
}

}  // namespace

std::optional<int> parse_options(int argc, char** argv, Options& options) {
  CLI::App app("Measures a network path with paced flows against paceline-recv, through NodePorts and NATs.",
               "paceline-send");
  app.set_version_flag("--version", std::string(kVersion));
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer("See 'paceline-send latency --help' for a measurement's options.");
  add_latency(app, options);
  try {
    app.parse(argc, argv);
    for (const FlowSpec& flow : options.run.flows) validate(flow);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  } catch (const UsageError& error) {
    std::cerr << error.what() << "\nRun with --help for more information.\n";
    return kUsage;
  }
  return std::nullopt;
}

}  // namespace paceline::sender
