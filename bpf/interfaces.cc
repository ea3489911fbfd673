// SPDX-License-Identifier: MIT
#include "bpf/interfaces.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

#include "bpf/unique_fd.h"

namespace paceline::bpf {
namespace {

std::optional<Interface> ask(int socket, const std::string& name) {
  ifreq request{};
  if (name.empty() || name.size() >= sizeof(request.ifr_name)) return std::nullopt;
  std::memcpy(request.ifr_name, name.data(), name.size());

  Interface found;
  found.name = name;
  if (ioctl(socket, SIOCGIFINDEX, &request) < 0) return std::nullopt;
  found.index = static_cast<unsigned>(request.ifr_ifindex);
  if (ioctl(socket, SIOCGIFFLAGS, &request) < 0) return std::nullopt;
  found.up = (request.ifr_flags & IFF_UP) != 0;
  found.loopback = (request.ifr_flags & IFF_LOOPBACK) != 0;
  if (ioctl(socket, SIOCGIFHWADDR, &request) < 0) return std::nullopt;
  found.ethernet = request.ifr_hwaddr.sa_family == ARPHRD_ETHER || request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
  return found;
}

// Interface ioctls work on every kind of socket; this kind is there without IPv4 and IPv6, too.
UniqueFd any_socket() { return UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

}  // namespace

std::optional<Interface> find_interface(const std::string& name) { return ask(any_socket().get(), name); }

std::vector<Interface> list_interfaces() {
  std::vector<Interface> all;
  const UniqueFd socket = any_socket();
  const std::unique_ptr<struct if_nameindex[], void (*)(struct if_nameindex*)> names(if_nameindex(), if_freenameindex);
  if (!names) return all;
  for (const struct if_nameindex* name = names.get(); name->if_index != 0; ++name) {
    if (std::optional<Interface> found = ask(socket.get(), name->if_name)) all.push_back(std::move(*found));
  }
  return all;
}

}  // namespace paceline::bpf
