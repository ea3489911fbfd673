// SPDX-License-Identifier: MIT
#include "paceline/units.h"
#include "receiver/option_parser.h"

namespace paceline::receiver {

void add_limits(CLI::App& app, Options& options) {
  ReceiverLimits& limits = options.spec.limits;
  const auto some = CLI::Range(1, 1'000'000).description("");
  app.option_defaults()->group("Limits");
  app.add_option("--max-sessions", limits.sessions, "Senders served at once (default 64)")->check(some)->type_name("N");
  app.add_option("--max-followers", limits.followers,
                 "Followers served at once (paceline-decode follow); 0: none\n(default 16)")
      ->check(CLI::Range(0, 1'000'000).description(""))
      ->type_name("N");
  app.add_option("--max-flows", limits.flows, "Flows served at once, of all senders (default 4096)")
      ->check(some)
      ->type_name("N");
  app.add_option("--max-streams", limits.streams, "TCP connections of a flow (default 1024)")
      ->check(some)
      ->type_name("N");
  add_quantity(
      app, "--max-rate",
      [&limits](const std::string& text) {
        limits.rate_pps = units::parse_packet_rate(text);
        if (limits.rate_pps == 0) throw UsageError("a rate of 0 would refuse every flow");
      },
      "Packets per second of a UDP flow; one without a rate is then refused\n(default: no limit)")
      ->type_name("PPS");
  add_quantity(
      app, "--max-bitrate",
      [&limits](const std::string& text) {
        limits.bitrate_bps = units::parse_bitrate(text);
        if (limits.bitrate_bps == 0) throw UsageError("a bitrate of 0 would refuse every flow");
      },
      "Bits per second of payload of a flow; one without a rate is then\nrefused (default: no limit)")
      ->type_name("BPS");
  add_quantity(
      app, "--record-limit", [&limits](const std::string& text) { limits.record_bytes = units::parse_bytes(text); },
      "Room for records that senders fetch (paceline-send --record), of all\nflows together; what goes beyond is "
      "left out (default 1G; where there\nis memory but no disk, a quarter of it at most)")
      ->type_name("BYTES");
}

}  // namespace paceline::receiver
