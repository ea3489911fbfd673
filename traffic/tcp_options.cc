// SPDX-License-Identifier: MIT
#include "traffic/tcp_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "paceline/error.h"
#include "traffic/file_descriptor.h"
#include "traffic/socket_options.h"

namespace paceline::traffic {

namespace {

bool set_option(int socket, int level, int name, int value) {
  return setsockopt(socket, level, name, &value, sizeof value) == 0;
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Sets it; returns why not, empty if it did.
std::string set_congestion(int socket, const std::string& name) {
  const std::string what = "congestion control \"" + name + "\": ";
  if (name.size() > TcpFlowSpec::kMaxName)
    return what + "names have at most " + std::to_string(TcpFlowSpec::kMaxName) + " characters";
  if (setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(), static_cast<socklen_t>(name.size())) == 0) return {};
  const int error = errno;
  if (error == ENOENT)
    return what + "this kernel lacks it, it has " + first_line("/proc/sys/net/ipv4/tcp_available_congestion_control");
  if (error == EPERM)
    return what + "needs CAP_NET_ADMIN here, free to all are " +
           first_line("/proc/sys/net/ipv4/tcp_allowed_congestion_control");
  return what + std::strerror(error);
}

}  // namespace

void configure_tcp(int socket, const TcpFlowSpec& spec, bool source) {
  if (source && !spec.congestion.empty()) {
    if (const std::string refusal = set_congestion(socket, spec.congestion); !refusal.empty())
      throw SetupError(refusal);
  }
  if (source) configure_socket(socket, spec.socket);  // either end may be the source
  // The end that opens the connection tells its MSS to the other in the SYN, so it binds both.
  if (spec.mss != 0 && !set_option(socket, IPPROTO_TCP, TCP_MAXSEG, static_cast<int>(spec.mss)))
    throw SetupError("MSS of " + std::to_string(spec.mss) + " bytes (TCP_MAXSEG): " + std::strerror(errno));
  if (spec.socket_buffer != 0) {
    const int bytes = static_cast<int>(std::min(spec.socket_buffer, TcpFlowSpec::kMaxSocketBuffer));
    if (!set_option(socket, SOL_SOCKET, source ? SO_SNDBUFFORCE : SO_RCVBUFFORCE, bytes) &&
        !set_option(socket, SOL_SOCKET, source ? SO_SNDBUF : SO_RCVBUF, bytes))
      throw SetupError("socket buffer of " + std::to_string(bytes) + " bytes: " + std::strerror(errno));
  }
  if (spec.no_delay && !set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1))
    throw SetupError(std::string("TCP_NODELAY: ") + std::strerror(errno));
}

std::string congestion_refusal(const std::string& congestion) {
  const FileDescriptor v4(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (v4) return set_congestion(v4.get(), congestion);
  const FileDescriptor v6(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (v6) return set_congestion(v6.get(), congestion);
  return std::string("opening a TCP socket: ") + std::strerror(errno);
}

std::string congestion_of(int socket) {
  std::array<char, 16> name{};  // TCP_CA_NAME_MAX
  socklen_t length = name.size();
  if (getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) != 0) return {};
  return {name.data(), strnlen(name.data(), name.size())};
}

std::string buffer_warning(int socket, const TcpFlowSpec& spec, bool source) {
  int granted = 0;
  socklen_t length = sizeof granted;
  if (spec.socket_buffer == 0 || getsockopt(socket, SOL_SOCKET, source ? SO_SNDBUF : SO_RCVBUF, &granted, &length) != 0)
    return {};
  const std::uint64_t usable = static_cast<std::uint64_t>(granted) / 2;  // the kernel doubles it for its bookkeeping
  if (usable >= spec.socket_buffer) return {};
  return std::string(source ? "send" : "receive") + " buffer: asked for " + std::to_string(spec.socket_buffer) +
         " bytes, the kernel gives " + std::to_string(usable) +
         (source ? " (net.core.wmem_max)" : " (net.core.rmem_max)");
}

}  // namespace paceline::traffic
