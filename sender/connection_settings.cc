// SPDX-License-Identifier: MIT
#include "sender/common_settings.h"
#include "sender/settings.h"

namespace paceline::sender {

const std::vector<Setting<ConnectionFlowSpec>>& connection_settings() {
  using Connections = ConnectionFlowSpec;
  static const auto settings = joined<Connections>(
      {
          {"rate", "CPS", "Flow", "Connections started per second: 500, 1k", "as many as can be",
           into(&Connections::rate, units::parse_connection_rate)},
          {"protocol", "tcp|udp", "Flow", "udp: exchanges from a port each, instead of TCP connections", "tcp",
           into(&Connections::transport, one_of<Transport>({{"tcp", Transport::tcp}, {"udp", Transport::udp}}))},
          {"concurrency", "N", "Flow", "Under way at once, at most", "chosen for the machine",
           into(&Connections::concurrency, count_of("concurrency", Connections::kMaxConcurrency))},
          {"timeout", "TIME", "Flow", "What takes longer has failed, 1ms to 60s", "2s",
           into(&Connections::timeout, units::parse_duration)},
      },
      {time_settings<Connections>(), socket_settings<Connections>()});
  return settings;
}

}  // namespace paceline::sender
