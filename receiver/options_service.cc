// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "paceline/endpoint.h"
#include "paceline/units.h"
#include "receiver/option_parser.h"

namespace paceline::receiver {

namespace {

constexpr std::uint16_t kSenderPort = 8997;  // at which a sender waits, as D-ITG's does

CLI::Validator any_port() { return CLI::Range(0, 65535).description(""); }

/// One of some words.
template <class Value>
CLI::Option* add_choice(CLI::App& app, const std::string& name, Value& value,
                        const std::vector<std::pair<std::string, Value>>& words, const std::string& help) {
  std::string all;
  for (const auto& [word, meaning] : words) all += (all.empty() ? "" : "|") + word;
  return add_quantity(
             app, name,
             [&value, words, all](const std::string& text) {
               const auto found = std::ranges::find(words, text, &std::pair<std::string, Value>::first);
               if (found == words.end()) throw UsageError("'" + text + "' is none of " + all);
               value = found->second;
             },
             help)
      ->type_name(all);
}

}  // namespace

void add_addresses(CLI::App& app, Options& options, GivenTexts& given) {
  ReceiverSpec& spec = options.spec;
  app.option_defaults()->group("Addresses");
  app.add_option("--bind", spec.bind, "Address to listen on (default: all, IPv4 and IPv6)")->type_name("ADDR");
  app.add_option("--port", spec.port, "Signalling port, TCP; 0: any free one (default 9000)")
      ->check(any_port())
      ->type_name("PORT");
  app.add_option("--data-port", spec.data_port, "Data port, UDP and TCP; 0: any free one (default 8999)")
      ->check(any_port())
      ->type_name("PORT");
  app.add_option("--advertise", given.advertised,
                 "The data port as senders see it, where a NodePort or a NAT maps\n"
                 "another number to it; one PORT stands for both")
      ->delimiter(',')
      ->type_name("udp=PORT,tcp=PORT");

  app.option_defaults()->group("Passive mode: where only this side can open connections");
  add_list(
      app, "--dial", [&spec](const std::string& text) { spec.dial.push_back(parse_endpoint(text, kSenderPort)); },
      "Open the signalling connection to a sender that waits\n(paceline-send ... --listen PORT), again and again; may "
      "be\nrepeated (port: default 8997)")
      ->type_name("HOST[:PORT]");
  app.add_flag("--dial-only", spec.dial_only, "Serve nobody who dials in; needs --dial");
}

void add_running(CLI::App& app, Options& options, GivenTexts& given) {
  ReceiverSpec& spec = options.spec;
  app.option_defaults()->group("Running");
  app.add_option("--config", given.config_file, "Options from a TOML file, where nothing else gives them: port = 9000")
      ->type_name("FILE");
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
  add_quantity(
      app, "--grace", [&spec](const std::string& text) { spec.grace = units::parse_duration(text); },
      "On SIGTERM serve nobody new, and wait so long for the flows that\nrun to end (default 25s)")
      ->type_name("TIME");

  app.option_defaults()->group("Keys");
  app.add_option("--key-file", given.key_file,
                 "Serve only senders that have one of its keys, lines of NAME SECRET:\n"
                 "echo \"lab $(openssl rand -base64 32)\" > keys; chmod 600 keys\n"
                 "(default: everybody is served). It is read again when it changes")
      ->type_name("FILE");
  app.add_option("--key", given.key_name, "Only the file's key of this name (default: all)")->type_name("NAME");
  app.option_defaults()->group("TLS");
  app.add_option("--tls-certificate", given.tls.certificate,
                 "Take signalling by TLS 1.3 alone, and show the certificate (chain) in\n"
                 "this PEM file; senders check it by --tls or --tls-ca")
      ->type_name("FILE");
  app.add_option("--tls-key", given.tls.key, "The certificate's private key, a PEM file that others cannot read")
      ->type_name("FILE");
}

void add_operations(CLI::App& app, Options& options) {
  app.option_defaults()->group("Watching it");
  add_quantity(
      app, "--http-port",
      [&options](const std::string& text) {
        options.http_port.reset();
        if (text != "off") options.http_port = text == "0" ? std::uint16_t{0} : parse_port(text);
      },
      "Answer /livez, /readyz and /metrics (Prometheus) there over HTTP;\n0: any free port (default: off)")
      ->type_name("PORT|off");
  add_choice<LogFormat>(app, "--log-format", options.log_format, {{"text", LogFormat::text}, {"json", LogFormat::json}},
                        "What the lines on standard error are (default text)");
  add_choice<LogLevel>(app, "--log-level", options.log_level,
                       {{"error", LogLevel::error},
                        {"warning", LogLevel::warning},
                        {"info", LogLevel::info},
                        {"debug", LogLevel::debug}},
                       "The least that is worth a line (default info)");
}

void add_stamps(CLI::App& app, Options& options, GivenTexts& given) {
  ReceiverSpec& spec = options.spec;
  app.option_defaults()->group("Receive stamps");
  add_choice<TcMode>(app, "--tc", spec.tc,
                     {{"auto", TcMode::automatic}, {"required", TcMode::required}, {"off", TcMode::off}},
                     "Stamp packets in a TC hook: auto (the best that works), required\n(refuse flows without), off "
                     "(default auto)");
  app.add_option("--interface", spec.interfaces,
                 "Interface to hook, may be repeated (default: all that are up and\n"
                 "no loopback)")
      ->type_name("NAME");
  app.add_option("--hooks", given.hooks, "Rungs of the ladder that may be used (default tcx,clsact,netstamp)")
      ->delimiter(',')
      ->check(CLI::IsMember({"tcx", "clsact", "netstamp"}).description(""))
      ->type_name("LIST");

  app.option_defaults()->group("Results");
  app.add_option("--record", given.record_directory, "Write a record file for each flow, there")->type_name("DIR");
}

}  // namespace paceline::receiver
