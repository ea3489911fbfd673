// SPDX-License-Identifier: MIT
//
// paceline-decode follow: what a receiver measures, as it measures it.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "decoder/commands.h"
#include "decoder/follow_output.h"
#include "paceline/error.h"
#include "paceline/follow.h"
#include "paceline/key.h"

namespace paceline::decoder {

namespace {

constexpr const char* kFollowHelp = R"(
  paceline-decode follow NODE:30900                    all flows as they run, and each one's summary when it ends
  paceline-decode follow NODE:30900 --flow 7c0ffee1    one flow, which runs, until its end
  paceline-decode follow NODE:30900 --flows 2 --json   until two have ended; one JSON document
  paceline-decode follow NODE:30900 --ndjson           a line of JSON for each start, interval and end

It shows what the receiver knows: what a sender measures itself (its TCP connections' state, round trips, new
connections a second) is in the sender's own result. Each connection to a Service follows the one receiver that
it happens to reach.
A follower that does not keep up is hung up on; no flow waits for it. Ctrl-C ends it and shows what there is.

Exit codes: 0 all results that came are complete; 1 set-up failed, or no flow came; 2 usage; 3 a result is partial,
the receiver ended it before what was asked for, or the results could not be written.)";

struct FollowOptions {
  FollowSpec spec;
  FollowFormat format = FollowFormat::text;
  std::optional<std::filesystem::path> output;  // else standard output
};

std::uint32_t parse_flow_id(const std::string& text) {
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc{} || end != text.data() + text.size() || id == 0)
    throw CLI::ValidationError("--flow", "'" + text + "' is no flow's id: up to 8 hexadecimal digits, as in 7c0ffee1");
  return id;
}

/// The first SIGINT or SIGTERM ends it in order, the second at once. Before other threads start.
void stop_on_signals(std::stop_source stop) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::thread([signals, stop]() mutable {
    for (;;) {
      int signal = 0;
      sigwait(&signals, &signal);
      if (!stop.request_stop()) _exit(128 + signal);
    }
  }).detach();
}

int follow_and_print(const FollowOptions& options) {
  std::ofstream file;
  if (options.output) file.open(*options.output, std::ios::trunc);
  std::ostream& out = options.output ? file : std::cout;
  const std::string name = options.output ? options.output->string() : "standard output";
  if (!out) {
    std::cerr << "paceline-decode: open " << name << ": " << std::strerror(errno) << '\n';
    return kFailed;
  }
  std::stop_source stop;
  stop_on_signals(stop);
  FollowOutput output(options.format, out, std::cerr, [stop]() mutable { stop.request_stop(); });
  const std::string ended = follow(options.spec, output, stop.get_token());
  if (!ended.empty()) std::cerr << "paceline-decode: " << ended << '\n';
  output.end(ended.empty() ? "it was followed no longer" : ended);
  if (!out) {
    std::cerr << "paceline-decode: write " << name << ": not all of the results could be written\n";
    return kPartial;
  }
  if (output.flows() == 0) return kFailed;
  const bool more_wanted = !options.spec.flow_ids.empty() || options.spec.flows || options.spec.until_idle;
  return output.partial() > 0 || (more_wanted && !ended.empty()) ? kPartial : kComplete;
}

}  // namespace

void add_follow(CLI::App& program, int& exit_code) {
  struct Asked {
    FollowOptions options;
    std::string receiver;
    std::vector<std::string> flow_ids;
    std::string key_file;
    std::string key_name;
    bool tls = false;
    TlsTrust trust;
    bool ipv4 = false;
    bool ipv6 = false;
    bool json = false;
    bool ndjson = false;
    bool plain = false;
  };
  const auto asked = std::make_shared<Asked>();
  FollowSpec& spec = asked->options.spec;
  CLI::App& follow = *program.add_subcommand("follow", "Show what a receiver measures, while it does");
  follow.footer(kFollowHelp);
  follow.add_option("HOST[:PORT]", asked->receiver, "The receiver's signalling channel (port: default 9000)")
      ->required();
  follow
      .add_option("--flow", asked->flow_ids, "Only the running flow of this id (may be repeated), until it has ended")
      ->type_name("ID")
      ->expected(1);
  follow.add_option("--flows", spec.flows, "End when so many flows have ended")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("N");
  follow.add_flag("--until-idle", spec.until_idle, "End when no flow runs any more, after one at least");
  CLI::Option* v4 = follow.add_flag("-4", asked->ipv4, "IPv4 only");
  follow.add_flag("-6", asked->ipv6, "IPv6 only")->excludes(v4);
  follow
      .add_option("--key-file", asked->key_file,
                  "Prove to have a key of this file to the receiver, which must prove it, too\n(environment: "
                  "PACELINE_KEY_FILE)")
      ->envname("PACELINE_KEY_FILE")
      ->type_name("FILE");
  follow.add_option("--key", asked->key_name, "The file's key of this name (default: the first one)")
      ->type_name("NAME");
  follow.add_flag("--tls", asked->tls,
                  "TLS 1.3 alone; the receiver's certificate is checked against the system's authorities");
  follow
      .add_option("--tls-ca", asked->trust.authorities,
                  "The same, against the authorities in this PEM file (environment: PACELINE_TLS_CA)")
      ->envname("PACELINE_TLS_CA")
      ->type_name("FILE");
  follow.add_option("--tls-name", asked->trust.name, "Name or address that the certificate must have (default: HOST)")
      ->type_name("NAME");
  CLI::Option* as_json = follow.add_flag("--json", asked->json, "Write one JSON document, at the end");
  follow.add_flag("--ndjson", asked->ndjson, "Write a line of JSON for each start, interval and end")
      ->excludes(as_json);
  follow.add_flag("--plain", asked->plain, "Lines of text instead of a picture that is redrawn, which a terminal gets");
  follow.add_option("--output", asked->options.output, "Write to this file instead of standard output")
      ->type_name("FILE");

  follow.callback([asked, &exit_code] {
    FollowOptions& options = asked->options;
    options.spec.receiver = parse_endpoint(asked->receiver, 9000);
    for (const std::string& id : asked->flow_ids) options.spec.flow_ids.push_back(parse_flow_id(id));
    options.spec.family = asked->ipv4 ? Family::ipv4 : asked->ipv6 ? Family::ipv6 : Family::any;
    const bool live = !asked->plain && !options.output && can_redraw();
    options.format = asked->json     ? FollowFormat::json
                     : asked->ndjson ? FollowFormat::ndjson
                     : live          ? FollowFormat::live
                                     : FollowFormat::text;
    if (!asked->key_name.empty() && asked->key_file.empty())
      throw UsageError("--key names a key of --key-file: give both");
    if (!asked->key_file.empty()) options.spec.key = choose_key(read_key_file(asked->key_file), asked->key_name);
    if (asked->tls || asked->trust != TlsTrust{}) options.spec.tls = asked->trust;
    exit_code = follow_and_print(options);
  });
}

}  // namespace paceline::decoder
