// SPDX-License-Identifier: MIT
#include "sender/options.h"

#include <iostream>
#include <string>
#include <vector>

#include "paceline/endpoint.h"
#include "paceline/validate.h"
#include "paceline/version.h"
#include "sender/option_parser.h"
#include "sender/suggest.h"

namespace paceline::sender {

namespace {

constexpr int kUsage = 2;
constexpr std::uint32_t kMaxFlowLabel = 0xFFFFF;
constexpr std::uint32_t kMaxPriority = 99;
constexpr std::uint32_t kMaxWorkers = 1024;

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

void add_path(CLI::App& app, RunSpec& run) {
  app.option_defaults()->group("Path");
  add(
      app, "--data-port", run.data_port, [](const std::string& text) { return std::optional(parse_port(text)); },
      "The only port to try for data: the NodePort that maps to the\n"
      "receiver's data port, when the receiver does not advertise it")
      ->type_name("PORT");
  app.add_flag_callback(
      "-4", [&run] { choose_family(run, Family::ipv4); }, "IPv4 only");
  app.add_flag_callback(
      "-6", [&run] { choose_family(run, Family::ipv6); }, "IPv6 only");
  app.add_option_function<std::string>(
         "--source",
         [&run](const std::string& text) {
           try {
             const Endpoint source = parse_endpoint(text, 0);
             run.source = source.host;
             run.source_port = source.port;
           } catch (const UsageError& error) {
             throw CLI::ValidationError("--source", error.what());
           }
         },
         "Address to send from, and the first flow's port; further flows and\n"
         "streams count up from it (default: the route's, and fresh ports)")
      ->type_name("ADDR[:PORT]");
  add(
      app, "--flow-label", run.flow_label,
      [](const std::string& text) { return std::optional(units::parse_count(text, "flow label", kMaxFlowLabel)); },
      "Label of IPv6 packets, 1 to 0xfffff (default: the kernel's)")
      ->type_name("LABEL");
  add(app, "--clock", run.clock,
      one_of<ClockPolicy>({{"estimate", ClockPolicy::estimate}, {"synchronized", ClockPolicy::synchronized}}),
      "Where one-way delays get their common clock: estimate (measured on\n"
      "the path), synchronized (you vouch for both ends' clocks: PTP, NTP)\n"
      "(default estimate)")
      ->type_name("estimate|synchronized");
}

void add_machine(CLI::App& app, WorkerSpec& workers) {
  app.option_defaults()->group("Machine");
  add(app, "--workers", workers.count, count_of("workers", kMaxWorkers),
      "Threads that send (default: one a CPU that this process may use)")
      ->type_name("N");
  add(
      app, "--cpus", workers.cpus, [](const std::string& text) { return units::parse_cpus(text); },
      "CPUs that they are bound to, in turn: 0,2-3 (default: none)")
      ->type_name("LIST");
  add(
      app, "--fifo", workers.fifo_priority,
      [](const std::string& text) { return static_cast<int>(units::parse_count(text, "priority", kMaxPriority)); },
      "Run them under SCHED_FIFO at this priority, 1 to 99; needs\nCAP_SYS_NICE")
      ->type_name("PRIORITY");
}

void add_output(CLI::App& app, Options& options) {
  app.option_defaults()->group("Output");
  app.add_option("--title", options.run.title, "A text that is carried into the result")->type_name("TEXT");
  app.add_flag_callback(
      "--json", [&options] { choose_format(options, Format::json); }, "One JSON document when the flows have ended");
  app.add_flag_callback(
      "--ndjson", [&options] { choose_format(options, Format::ndjson); },
      "A line of JSON for each interval while the flows run, then the\nsummary");
  app.add_option("--output", options.output, "Write results there instead of to standard output")->type_name("FILE");
}

// What can be written in the place of a word: options where it begins like one, else measurements.
std::vector<std::string> words_for(const std::string& word, const CLI::App& app) {
  std::vector<std::string> words;
  const auto chosen = app.get_subcommands();
  if (word.starts_with('-')) {
    for (const CLI::Option* option : (chosen.empty() ? &app : chosen.front())->get_options())
      words.push_back(option->get_single_name().size() > 1 ? "--" + option->get_single_name() : "");
  } else if (chosen.empty()) {
    for (const CLI::App* measurement : app.get_subcommands([](const CLI::App*) { return true; }))
      words.push_back(measurement->get_name());
  }
  return words;
}

// Says what was probably meant by words that nobody knows.
void suggest(const CLI::App& app) {
  for (const std::string& word : app.remaining(true)) {
    const std::string name = word.substr(0, word.find('='));
    const std::string meant = closest(name, words_for(name, app));
    if (!meant.empty()) std::cerr << "'" << name << "' is not known; did you mean '" << meant << "'?\n";
  }
}

}  // namespace

std::uint32_t parse_packet_size(const std::string& text) {
  const std::uint64_t bytes = units::parse_bytes(text);
  if (bytes > UdpFlowSpec::kMaxSize) throw UsageError("size '" + text + "': the largest UDP payload is 65507 bytes");
  return static_cast<std::uint32_t>(bytes);
}

void add_host(CLI::App& app, Options& options) {
  add(
      app, "host", options.run.receiver, [](const std::string& text) { return parse_endpoint(text, 9000); },
      "The receiver's signalling channel (default port 9000). Behind a\n"
      "NodePort: the node's address and the NodePort. IPv6: [ADDRESS]:PORT")
      ->required()
      ->type_name("HOST[:PORT]");
}

void add_pacing(CLI::App& app, UdpFlowSpec& flow) {
  add(app, "--pacing", flow.pacing,
      one_of<Pacing>({{"sleep", Pacing::sleep}, {"hybrid", Pacing::hybrid}, {"busy", Pacing::busy}}),
      "How to wait for a packet's time: sleep (cheap), hybrid (sleep,\n"
      "then spin the rest), busy (spin, costs a core) (default hybrid)")
      ->type_name("sleep|hybrid|busy");
  add(app, "--late", flow.late, one_of<LatePolicy>({{"send", LatePolicy::send}, {"skip", LatePolicy::skip}}),
      "Packets that are a whole gap late: send them all the same, or\n"
      "skip and count them (default send)")
      ->type_name("send|skip");
}

void add_batching(CLI::App& app, UdpFlowSpec& flow, const std::string& by_default) {
  add(app, "--batching", flow.batching,
      one_of<Batching>({{"single", Batching::single}, {"several", Batching::several}, {"offload", Batching::offload}}),
      "Packets per call to the kernel: single, several (sendmmsg), offload\n"
      "(UDP_SEGMENT: many travel as one, and wait for each other)\n"
      "(default " +
          by_default + ")")
      ->type_name("single|several|offload");
  add(app, "--batch", flow.batch, count_of("batch", UdpFlowSpec::kMaxBatch),
      "So many packets a call at most, up to 128 (default: as fits)")
      ->type_name("N");
}

void add_common(CLI::App& app, Options& options) {
  add_path(app, options.run);
  add_machine(app, options.run.workers);
  add_output(app, options);
}

std::optional<int> parse_options(int argc, char** argv, Options& options) {
  CLI::App app("Measures a network path with paced flows against paceline-recv, through NodePorts and NATs.",
               "paceline-send");
  app.set_version_flag("--version", std::string(kVersion));
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer(
      "Each measurement has its own help, with examples: paceline-send throughput --help\n"
      "  paceline-send latency HOST --rate 1k\n"
      "  paceline-send throughput HOST --bitrate 500M\n"
      "  paceline-send connections HOST --rate 1k");
  add_latency(app, options);
  add_throughput(app, options);
  add_connections(app, options);
  try {
    app.parse(argc, argv);
    for (const FlowSpec& flow : options.run.flows) validate(flow);
  } catch (const CLI::ParseError& error) {
    const bool help = app.exit(error) == 0;
    if (!help) suggest(app);
    return help ? 0 : kUsage;
  } catch (const UsageError& error) {
    std::cerr << error.what() << "\nRun with --help for more information.\n";
    return kUsage;
  }
  return std::nullopt;
}

}  // namespace paceline::sender
