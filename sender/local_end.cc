// SPDX-License-Identifier: MIT
#include "sender/local_end.h"

#include <netinet/in.h>

#include <cerrno>
#include <system_error>

#include "paceline/error.h"
#include "traffic/flow_label.h"
#include "traffic/socket_options.h"

namespace paceline::sender {

namespace {

std::string error_text() { return std::generic_category().message(errno); }

void bind_socket(int fd, int type, const LocalEnd& local, const traffic::Address& to) {
  const int family = to.is_v4() ? AF_INET : AF_INET6;
  const traffic::Address from =
      traffic::Address::parse(!local.address.empty() ? local.address : (to.is_v4() ? "0.0.0.0" : "::"), local.port);
  if (from.is_v4() != to.is_v4())
    throw SetupError("the source address " + local.address + " cannot reach " + to.to_string() +
                     ": one is IPv4, the other IPv6");
  const int on = 1;
  // Candidates race from one port, each to its own destination.
  if (local.port != 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // A port is then chosen by connect(), among those free for the destination.
  if (local.port == 0 && type == SOCK_STREAM) setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_storage address;
  const socklen_t length = from.to_sockaddr(address, family);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0)
    throw SetupError("sending from " + from.to_string() + ": " + error_text());
}

}  // namespace

OpenSocket open_socket(int type, const LocalEnd& local, const traffic::Address& to, int protocol) {
  const int family = to.is_v4() ? AF_INET : AF_INET6;
  OpenSocket open;
  open.fd = traffic::FileDescriptor(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!open.fd) {
    const char* name = protocol == IPPROTO_SCTP ? "SCTP" : type == SOCK_DGRAM ? "UDP" : "TCP";
    throw SetupError(std::string("opening a ") + name + " socket: " + error_text());
  }
  open.length = to.to_sockaddr(open.destination, family);
  traffic::bind_to_interface(open.fd.get(), local.socket.interface);
  traffic::configure_socket(open.fd.get(), local.socket);
  if (!local.address.empty() || local.port != 0) bind_socket(open.fd.get(), type, local, to);
  if (local.flow_label) traffic::set_flow_label(open.fd.get(), *local.flow_label, open.destination);
  return open;
}

}  // namespace paceline::sender
