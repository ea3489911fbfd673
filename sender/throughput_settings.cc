// SPDX-License-Identifier: MIT
#include "sender/common_settings.h"
#include "sender/settings.h"

namespace paceline::sender {

const std::vector<Setting<TcpFlowSpec>>& throughput_settings() {
  using Tcp = TcpFlowSpec;
  static const auto settings = joined<Tcp>(
      {
          {"bitrate", "BPS", "Flow", "Bits of payload per second of all streams together: 500M, 1.5G",
           "as fast as can be", into(&Tcp::bitrate_bps, units::parse_bitrate)},
          {"bytes", "BYTES", "Times", "End when so many bytes were sent: 1G, 500M; of all streams\ntogether",
           "by the duration", into(&Tcp::bytes, units::parse_bytes)},
          {"streams", "N", "TCP", "Connections at once, 1 to 1024", "1",
           into(&Tcp::streams, count_of("streams", Tcp::kMaxStreams))},
          {"congestion", "NAME", "TCP", "Congestion control of the sending end: cubic, bbr, reno, ...", "its kernel's",
           into(&Tcp::congestion, as_it_is)},
          {"mss", "BYTES", "TCP", "Largest segment in bytes", "the path's", into(&Tcp::mss, count_of("mss", 32767))},
          {"socket-buffer", "BYTES", "TCP", "Socket buffer of both ends", "the kernel tunes it",
           into(&Tcp::socket_buffer, units::parse_bytes)},
          {"no-delay", "", "TCP", "Nagle's algorithm off (TCP_NODELAY)", "", into(&Tcp::no_delay, parse_switch)},
          {"zero-copy", "", "TCP", "Send without copying: the kernel takes the pages as they are", "",
           [](Tcp& flow, const std::string& text) {
             flow.send = parse_switch(text) ? SendMode::zero_copy : SendMode::copy;
           }},
          {"receive", "discard|copy", "TCP",
           "What becomes of the bytes: discard (in the kernel: measures the\npath), copy (to the application, as a "
           "program would)",
           "discard",
           into(&Tcp::receive, one_of<ReceiveMode>({{"discard", ReceiveMode::discard}, {"copy", ReceiveMode::copy}}))},
          {"reverse", "", "TCP", "The receiver sends, over connections that this end opens", "",
           [](Tcp& flow, const std::string& text) {
             flow.direction = parse_switch(text) ? Direction::reverse : Direction::forward;
           }},
      },
      {time_settings<Tcp>(), socket_settings<Tcp>()});
  return settings;
}

}  // namespace paceline::sender
