// SPDX-License-Identifier: MIT
#include "traffic/tcp_info.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace paceline::traffic {

namespace {

// A 32 bit kernel says "unlimited" in 32 bits.
double bits_a_second(std::uint64_t bytes_a_second) {
  if (bytes_a_second == ~std::uint64_t{0} || bytes_a_second == ~std::uint32_t{0}) return 0;
  return 8.0 * static_cast<double>(bytes_a_second);
}

nanoseconds from_microseconds(std::uint64_t count) { return nanoseconds{static_cast<std::int64_t>(count) * 1000}; }

}  // namespace

TcpInfo read_tcp_info(int socket) {
  tcp_info kernel{};  // an older kernel fills in less
  socklen_t length = sizeof kernel;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &kernel, &length) != 0) return {};
  TcpInfo info;
  info.retransmits = kernel.tcpi_total_retrans;
  info.bytes_retransmitted = kernel.tcpi_bytes_retrans;
  info.smoothed_rtt = from_microseconds(kernel.tcpi_rtt);
  info.rtt_variance = from_microseconds(kernel.tcpi_rttvar);
  // Before the first sample the kernel says ~0.
  if (kernel.tcpi_min_rtt != ~std::uint32_t{0}) info.min_rtt = from_microseconds(kernel.tcpi_min_rtt);
  info.congestion_window = kernel.tcpi_snd_cwnd;
  info.mss = kernel.tcpi_snd_mss;
  info.delivery_rate_bps = bits_a_second(kernel.tcpi_delivery_rate);
  info.pacing_rate_bps = bits_a_second(kernel.tcpi_pacing_rate);
  info.busy = from_microseconds(kernel.tcpi_busy_time);
  info.receive_window_limited = from_microseconds(kernel.tcpi_rwnd_limited);
  info.send_buffer_limited = from_microseconds(kernel.tcpi_sndbuf_limited);
  return info;
}

std::uint64_t unacknowledged(int socket) {
  int bytes = 0;
  if (ioctl(socket, SIOCOUTQ, &bytes) != 0 || bytes < 0) return 0;
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace paceline::traffic
