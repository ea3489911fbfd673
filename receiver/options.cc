// SPDX-License-Identifier: MIT
#include "receiver/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "paceline/endpoint.h"
#include "paceline/units.h"
#include "paceline/version.h"

namespace paceline::receiver {

namespace {

constexpr int kSetupFailed = 1, kUsage = 2;
constexpr std::uint16_t kSenderPort = 8997;  // at which a sender waits, as D-ITG's does

/// "udp=30899,tcp=30899", or "30899" for both: the data port as senders see it.
void parse_advertised(const std::vector<std::string>& parts, ReceiverSpec& spec) {
  for (const std::string& part : parts) {
    const auto equals = part.find('=');
    const std::string protocol = equals == std::string::npos ? "" : part.substr(0, equals);
    if (equals != std::string::npos && protocol != "udp" && protocol != "tcp")
      throw UsageError("'" + part + "': write udp=PORT, tcp=PORT, or one PORT for both");
    const std::uint16_t port = parse_port(equals == std::string::npos ? part : part.substr(equals + 1));
    if (protocol != "tcp") spec.advertise_udp = port;
    if (protocol != "udp") spec.advertise_tcp = port;
  }
}

/// An option whose text has a unit; what the parser throws names the option.
template <class Parse>
CLI::Option* add_quantity(CLI::App& app, const std::string& name, Parse parse, const std::string& help) {
  return app.add_option_function<std::string>(
      name,
      [name, parse](const std::string& text) {
        try {
          parse(text);
        } catch (const UsageError& error) {
          throw CLI::ValidationError(name, error.what());
        }
      },
      help);
}

/// The same for an option that may be repeated.
template <class Parse>
CLI::Option* add_list(CLI::App& app, const std::string& name, Parse parse, const std::string& help) {
  return app.add_option_function<std::vector<std::string>>(
      name,
      [name, parse](const std::vector<std::string>& texts) {
        try {
          for (const std::string& text : texts) parse(text);
        } catch (const UsageError& error) {
          throw CLI::ValidationError(name, error.what());
        }
      },
      help);
}

}  // namespace

std::optional<int> parse_options(int argc, char** argv, ReceiverSpec& spec) {
  CLI::App app("Receives what paceline-send sends, and measures it.", "paceline-recv");
  app.set_version_flag("--version", std::string(kVersion));
  app.get_formatter()->column_width(34);
  std::vector<std::string> advertised;
  std::vector<std::string> hooks;
  std::string record_directory;
  std::string key_file;
  std::string key_name;

  app.option_defaults()->group("Addresses");
  app.add_option("--bind", spec.bind, "Address to listen on (default: all, IPv4 and IPv6)")->type_name("ADDR");
  const auto some = CLI::Range(1, 1'000'000).description("");
  const auto any_port = CLI::Range(0, 65535).description("");
  app.add_option("--port", spec.port, "Signalling port, TCP; 0: any free one (default 9000)")
      ->check(any_port)
      ->type_name("PORT");
  app.add_option("--data-port", spec.data_port, "Data port, UDP and TCP; 0: any free one (default 8999)")
      ->check(any_port)
      ->type_name("PORT");
  app.add_option("--advertise", advertised,
                 "The data port as senders see it, where a NodePort or a NAT maps\n"
                 "another number to it; one PORT stands for both\n(environment: PACELINE_ADVERTISE)")
      ->delimiter(',')
      ->envname("PACELINE_ADVERTISE")
      ->type_name("udp=PORT,tcp=PORT");

  app.option_defaults()->group("Passive mode: where only this side can open connections");
  add_list(
      app, "--dial", [&spec](const std::string& text) { spec.dial.push_back(parse_endpoint(text, kSenderPort)); },
      "Open the signalling connection to a sender that waits\n(paceline-send ... --listen PORT), again and again; may "
      "be "
      "repeated\n(port: default 8997)")
      ->type_name("HOST[:PORT]");
  app.add_flag("--dial-only", spec.dial_only, "Serve nobody who dials in")->needs("--dial");

  app.option_defaults()->group("Running");
  app.add_option("--workers", spec.workers, "Threads for data (default: one a CPU that it may use)")
      ->check(CLI::Range(1, 1024).description(""))
      ->type_name("N");
  app.add_flag("--one-off", spec.one_off, "End when the first sender that had a flow is done");
  add_quantity(
      app, "--idle-timeout",
      [&spec](const std::string& text) {
        spec.idle_timeout = units::parse_duration(text);
        if (spec.idle_timeout == nanoseconds{0}) throw UsageError("an idle time of 0 would end it at once");
      },
      "End when there was no sender for so long (default: never)")
      ->type_name("TIME");

  app.option_defaults()->group("Keys");
  app.add_option("--key-file", key_file,
                 "Serve only senders that have one of its keys, lines of NAME SECRET:\n"
                 "echo \"lab $(openssl rand -base64 32)\" > keys; chmod 600 keys\n"
                 "(environment: PACELINE_KEY_FILE; default: everybody is served)")
      ->envname("PACELINE_KEY_FILE")
      ->type_name("FILE");
  app.add_option("--key", key_name, "Only the file's key of this name (default: all)")->type_name("NAME");

  app.option_defaults()->group("Receive stamps");
  app.add_option("--tc", spec.tc,
                 "Stamp packets in a TC hook: auto (the best that works), required\n"
                 "(refuse flows without), off (default auto)")
      ->transform(CLI::CheckedTransformer(std::map<std::string, TcMode>{{"auto", TcMode::automatic},
                                                                        {"required", TcMode::required},
                                                                        {"off", TcMode::off}})
                      .description(""))
      ->type_name("auto|required|off");
  app.add_option("--interface", spec.interfaces,
                 "Interface to hook, may be repeated (default: all that are up and\n"
                 "no loopback)")
      ->type_name("NAME");
  app.add_option("--hooks", hooks, "Rungs of the ladder that may be used (default tcx,clsact,netstamp)")
      ->delimiter(',')
      ->check(CLI::IsMember({"tcx", "clsact", "netstamp"}).description(""))
      ->type_name("LIST");

  app.option_defaults()->group("Results");
  app.add_option("--record", record_directory, "Write a record file for each flow, there")->type_name("DIR");

  add_quantity(
      app, "--record-limit", [&spec](const std::string& text) { spec.limits.record_bytes = units::parse_bytes(text); },
      "Room for records that senders fetch (paceline-send --record), of all\nflows together; what goes beyond is "
      "left out (default 1G; where there\nis memory but no disk, a quarter of it at most)")
      ->type_name("BYTES");

  app.option_defaults()->group("Limits");
  app.add_option("--max-sessions", spec.limits.sessions, "Senders served at once (default 64)")
      ->check(some)
      ->type_name("N");
  app.add_option("--max-followers", spec.limits.followers,
                 "Followers served at once (paceline-decode follow); 0: none\n(default 16)")
      ->check(CLI::Range(0, 1'000'000).description(""))
      ->type_name("N");
  app.add_option("--max-flows", spec.limits.flows, "Flows served at once, of all senders (default 4096)")
      ->check(some)
      ->type_name("N");
  app.add_option("--max-streams", spec.limits.streams, "TCP connections of a flow (default 1024)")
      ->check(some)
      ->type_name("N");
  add_quantity(
      app, "--max-rate",
      [&spec](const std::string& text) {
        spec.limits.rate_pps = units::parse_packet_rate(text);
        if (spec.limits.rate_pps == 0) throw UsageError("a rate of 0 would refuse every flow");
      },
      "Packets per second of a UDP flow; one without a rate is then refused\n(default: no limit)")
      ->type_name("PPS");
  add_quantity(
      app, "--max-bitrate",
      [&spec](const std::string& text) {
        spec.limits.bitrate_bps = units::parse_bitrate(text);
        if (spec.limits.bitrate_bps == 0) throw UsageError("a bitrate of 0 would refuse every flow");
      },
      "Bits per second of payload of a flow; one without a rate is then\nrefused (default: no limit)")
      ->type_name("BPS");
  app.footer(
      "The TC hook needs CAP_BPF and CAP_NET_ADMIN (or root); without, the next rung is used.\n"
      "SIGTERM and SIGINT end it, and senders get partial summaries.\n"
      "Exit codes: 0 it was stopped or is done, 1 set-up failed, 2 usage.");
  try {
    app.parse(argc, argv);
    parse_advertised(advertised, spec);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  } catch (const UsageError& error) {
    std::cerr << "--advertise: " << error.what() << "\nRun with --help for more information.\n";
    return kUsage;
  }
  try {
    if (!key_name.empty() && key_file.empty()) throw UsageError("--key names a key of --key-file: give both");
    if (!key_file.empty()) spec.keys = read_key_file(key_file);
    if (!key_name.empty()) spec.keys = {choose_key(spec.keys, key_name)};
  } catch (const UsageError& error) {
    std::cerr << "paceline-recv: " << error.what() << '\n';
    return kUsage;
  } catch (const FileError& error) {
    std::cerr << "paceline-recv: " << error.what() << '\n';
    return kSetupFailed;
  }
  const auto allowed = [&](const char* hook) {
    return hooks.empty() || std::find(hooks.begin(), hooks.end(), hook) != hooks.end();
  };
  spec.allow_tcx = allowed("tcx");
  spec.allow_clsact = allowed("clsact");
  spec.allow_netstamp = allowed("netstamp");
  if (!record_directory.empty()) spec.record_directory = record_directory;
  return std::nullopt;
}

}  // namespace paceline::receiver
