// SPDX-License-Identifier: MIT
#include "traffic/socket_options.h"

#include <netinet/in.h>
// Behind netinet/in.h, whose types it then leaves alone.
#include <linux/in6.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "paceline/error.h"

namespace paceline::traffic {

namespace {

int of_socket(int socket, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(socket, SOL_SOCKET, name, &value, &length) == 0 ? value : 0;
}

struct Option {
  int level, name;
};

void set(int socket, Option option, int value, const std::string& what) {
  if (setsockopt(socket, option.level, option.name, &value, sizeof value) == 0) return;
  throw SetupError(what + ": " + std::generic_category().message(errno));
}

/// An AF_INET6 socket may carry IPv4, too.
void set_both(int socket, Option v4, Option v6, int value, const std::string& what) {
  set(socket, v4, value, what);
  if (of_socket(socket, SO_DOMAIN) == AF_INET6) set(socket, v6, value, what);
}

void set_fragments(int socket, bool allowed) {
  const std::string what = allowed ? "fragments allowed" : "fragments never";
  static_assert(IP_PMTUDISC_DO == IPV6_PMTUDISC_DO && IP_PMTUDISC_DONT == IPV6_PMTUDISC_DONT);
  set_both(socket, {IPPROTO_IP, IP_MTU_DISCOVER}, {IPPROTO_IPV6, IPV6_MTU_DISCOVER},
           allowed ? IP_PMTUDISC_DONT : IP_PMTUDISC_DO, what);
  // Else IPv6 cuts up at the source what it knows to be too large.
  if (of_socket(socket, SO_DOMAIN) == AF_INET6) set(socket, {IPPROTO_IPV6, IPV6_DONTFRAG}, allowed ? 0 : 1, what);
}

}  // namespace

void configure_socket(int socket, const SocketSpec& spec) {
  const bool stream = of_socket(socket, SO_TYPE) == SOCK_STREAM;
  const int traffic_class = spec.dscp << 2 | (stream ? 0 : spec.ecn);
  if (traffic_class != 0)
    set_both(socket, {IPPROTO_IP, IP_TOS}, {IPPROTO_IPV6, IPV6_TCLASS}, traffic_class,
             "DSCP " + std::to_string(spec.dscp) + " with ECN bits " + std::to_string(spec.ecn));
  if (spec.hop_limit != 0)
    set_both(socket, {IPPROTO_IP, IP_TTL}, {IPPROTO_IPV6, IPV6_UNICAST_HOPS}, spec.hop_limit,
             "hop limit " + std::to_string(spec.hop_limit));
  if (spec.fragments != Fragments::above_mtu) set_fragments(socket, spec.fragments == Fragments::allowed);
}

void bind_to_interface(int socket, const std::string& interface) {
  if (interface.empty()) return;
  if (setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, interface.data(), static_cast<socklen_t>(interface.size())) == 0)
    return;
  const int error = errno;
  const std::string what = "leaving by interface '" + interface + "'";
  if (error == ENODEV) throw SetupError(what + ": this host has none of that name (ip link lists them)");
  if (error == EPERM) throw SetupError(what + ": this needs CAP_NET_RAW here");
  throw SetupError(what + ": " + std::generic_category().message(error));
}

}  // namespace paceline::traffic
