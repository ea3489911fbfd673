// SPDX-License-Identifier: MIT
#include "traffic/flow_label.h"

#include <netinet/in.h>
// Behind netinet/in.h, whose types it then leaves alone.
#include <linux/in6.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "paceline/error.h"

namespace paceline::traffic {

namespace {

constexpr std::uint32_t kLargestLabel = 0xFFFFF;
constexpr std::uint32_t kFirstStateless = 0x80000;  // see flowlabel_state_ranges in the kernel's ip-sysctl

std::string advice(int error, std::uint32_t label) {
  if (error == ERANGE && label >= kFirstStateless)
    return "; while the sysctl net.ipv6.flowlabel_state_ranges is on, labels are below 524288";
  if (error == EPERM || error == EEXIST) return "; another user of this host holds the label: choose another";
  if (error == ENOBUFS) return "; too many labels are in use on this host";
  return {};
}

void set(int socket, int option, const void* value, socklen_t size, std::uint32_t label) {
  if (setsockopt(socket, IPPROTO_IPV6, option, value, size) == 0) return;
  const int error = errno;
  throw SetupError("flow label " + std::to_string(label) + ": " + std::generic_category().message(error) +
                   advice(error, label));
}

}  // namespace

void set_flow_label(int socket, std::uint32_t label, sockaddr_storage& destination) {
  auto& address = reinterpret_cast<sockaddr_in6&>(destination);
  if (label > kLargestLabel)
    throw SetupError("flow label " + std::to_string(label) + ": it must be 0 to 1048575 (20 bits)");
  if (destination.ss_family != AF_INET6 || IN6_IS_ADDR_V4MAPPED(&address.sin6_addr))
    throw SetupError("flow label " + std::to_string(label) + ": it needs a path over IPv6");
  if (label == 0) {
    const int off = 0;
    return set(socket, IPV6_AUTOFLOWLABEL, &off, sizeof off, label);
  }

  in6_flowlabel_req request{};
  request.flr_dst = address.sin6_addr;
  request.flr_label = htonl(label);
  request.flr_action = IPV6_FL_A_GET;
  request.flr_share = IPV6_FL_S_ANY;
  request.flr_flags = IPV6_FL_F_CREATE;
  set(socket, IPV6_FLOWLABEL_MGR, &request, sizeof request, label);
  const int on = 1;
  set(socket, IPV6_FLOWINFO_SEND, &on, sizeof on, label);
  address.sin6_flowinfo = htonl(label);
}

}  // namespace paceline::traffic
