// SPDX-License-Identifier: MIT
#include "paceline/units.h"
#include "receiver/option_parser.h"

namespace paceline::receiver {

namespace {

using Parse = double (*)(std::string_view);

/// A limit of a flow, one of all flows from one address, one of all flows.
void add_rate(CLI::App& app, const std::string& name, double& limit, Parse parse, const std::string& help,
              const std::string& type) {
  add_quantity(
      app, name,
      [&limit, parse](const std::string& text) {
        limit = parse(text);
        if (limit == 0) throw UsageError("a limit of 0 would refuse every flow");
      },
      help)
      ->type_name(type);
}

}  // namespace

void add_limits(CLI::App& app, Options& options) {
  ReceiverLimits& limits = options.spec.limits;
  const auto some = CLI::Range(1, 1'000'000).description("");
  app.option_defaults()->group("Limits");
  app.add_option("--max-sessions", limits.sessions, "Senders served at once (default 64)")->check(some)->type_name("N");
  app.add_option("--max-client-sessions", limits.sessions_per_client, "Those from one IP address (default 32)")
      ->check(some)
      ->type_name("N");
  app.add_option("--max-followers", limits.followers,
                 "Followers served at once (paceline-decode follow); 0: none\n(default 16)")
      ->check(CLI::Range(0, 1'000'000).description(""))
      ->type_name("N");
  app.add_option("--max-flows", limits.flows, "Flows served at once, of all senders (default 4096)")
      ->check(some)
      ->type_name("N");
  app.add_option("--max-client-flows", limits.flows_per_client, "Those from one IP address (default 4096)")
      ->check(some)
      ->type_name("N");
  app.add_option("--max-streams", limits.streams, "TCP connections of a flow (default 1024)")
      ->check(some)
      ->type_name("N");
  add_quantity(
      app, "--max-duration",
      [&limits](const std::string& text) {
        limits.duration = units::parse_duration(text);
        if (limits.duration == nanoseconds{0}) throw UsageError("a duration of 0 would refuse every flow");
      },
      "Of a flow, with its warm-up (default 24h)")
      ->type_name("TIME");
  add_rate(app, "--max-rate", limits.rate_pps, units::parse_packet_rate,
           "Packets, or exchanges, per second of a flow; where any limit of\nrates is set, a flow without a rate is "
           "refused (default: none,\nas of all rates: filling a path is what this is for)",
           "PPS");
  add_rate(app, "--max-bitrate", limits.bitrate_bps, units::parse_bitrate,
           "Bits per second of payload of a flow (default: no limit)", "BPS");
  add_rate(app, "--max-client-rate", limits.client_rate_pps, units::parse_packet_rate,
           "Likewise, of all flows from one IP address together", "PPS");
  add_rate(app, "--max-client-bitrate", limits.client_bitrate_bps, units::parse_bitrate, "Likewise", "BPS");
  add_rate(app, "--max-total-rate", limits.total_rate_pps, units::parse_packet_rate, "Likewise, of all flows together",
           "PPS");
  add_rate(app, "--max-total-bitrate", limits.total_bitrate_bps, units::parse_bitrate, "Likewise", "BPS");
  add_quantity(
      app, "--max-record-bytes", [&limits](const std::string& text) { limits.record_bytes = units::parse_bytes(text); },
      "Room for records; what goes beyond is left out, and said. With --record:\nof all that are in the directory "
      "(default 10G). Without: of those that\nsenders fetch (paceline-send --record), until they have them (default "
      "1G).\nWhere there is memory but no disk, a quarter of it at most")
      ->type_name("BYTES");
  add_quantity(
      app, "--max-client-record-bytes",
      [&limits](const std::string& text) { limits.client_record_bytes = units::parse_bytes(text); },
      "Likewise, of the flows from one IP address (default: half of all)")
      ->type_name("BYTES");
}

}  // namespace paceline::receiver
