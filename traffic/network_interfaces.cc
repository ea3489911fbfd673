// SPDX-License-Identifier: MIT
#include "traffic/network_interfaces.h"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include "bpf/ingress_programs.h"
#include "bpf/netlink.h"
#include "traffic/file_descriptor.h"

namespace paceline::traffic {

namespace {

// What moves packets in bunches, or spares the CPU a pass over their bytes; the kernel's names.
constexpr std::array<std::string_view, 12> kOffloads{"rx-checksum",
                                                     "tx-checksum-ip-generic",
                                                     "tx-scatter-gather",
                                                     "tx-generic-segmentation",
                                                     "rx-gro",
                                                     "rx-gro-hw",
                                                     "rx-gro-list",
                                                     "rx-lro",
                                                     "tx-tcp-segmentation",
                                                     "tx-tcp6-segmentation",
                                                     "tx-udp-segmentation",
                                                     "rx-udp-gro-forwarding"};

struct Link {
  Interface interface;
  unsigned index = 0;
  unsigned flags = 0;
};

std::string text_of(bpf::NetlinkBytes data) {
  return {data.begin(), std::find(data.begin(), data.end(), std::uint8_t{0})};
}

Link read_link(bpf::NetlinkBytes message) {
  Link link;
  ifinfomsg head{};
  std::memcpy(&head, message.data(), std::min(message.size(), sizeof head));
  link.index = static_cast<unsigned>(head.ifi_index);
  link.flags = head.ifi_flags;
  bpf::for_each_attribute(message, sizeof head, [&](int type, bpf::NetlinkBytes data) {
    if (type == IFLA_IFNAME) link.interface.name = text_of(data);
    if (type == IFLA_QDISC) link.interface.qdisc = text_of(data);
    if (type == IFLA_MTU && data.size() == sizeof link.interface.mtu)
      std::memcpy(&link.interface.mtu, data.data(), data.size());
  });
  return link;
}

/// Asks an interface's driver, by ethtool's ioctls: they answer for the network namespace of the socket.
class Driver {
 public:
  explicit Driver(const std::string& interface) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::memcpy(request_.ifr_name, interface.data(), std::min<std::size_t>(interface.size(), IFNAMSIZ - 1));
  }

  std::string name() {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    return ask(&info) ? std::string(info.driver, strnlen(info.driver, sizeof info.driver)) : "";
  }

  std::vector<std::string> offloads() {
    const std::uint32_t count = features();
    std::vector<std::uint32_t> names(kStringsHead + count * kStringWords);  // ethtool_gstrings
    names[0] = ETHTOOL_GSTRINGS;
    names[1] = ETH_SS_FEATURES;
    names[2] = count;
    const std::uint32_t blocks = (count + 31) / 32;
    std::vector<std::uint32_t> states(kFeaturesHead + blocks * kBlockWords);  // ethtool_gfeatures
    states[0] = ETHTOOL_GFEATURES;
    states[1] = blocks;
    if (count == 0 || !ask(names.data()) || !ask(states.data())) return {};

    std::vector<std::string> on;
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto* text = reinterpret_cast<const char*>(&names[kStringsHead + i * kStringWords]);
      const std::string_view name(text, strnlen(text, ETH_GSTRING_LEN));
      const std::uint32_t active = states[kFeaturesHead + i / 32 * kBlockWords + kActive];
      const bool is_on = (active >> (i % 32) & 1) != 0;
      if (is_on && std::ranges::find(kOffloads, name) != kOffloads.end()) on.emplace_back(name);
    }
    return on;
  }

 private:
  // Where things stand in ethtool's structures, in words of 32 bits.
  static constexpr std::size_t kStringsHead = sizeof(ethtool_gstrings) / 4, kStringWords = ETH_GSTRING_LEN / 4;
  static constexpr std::size_t kFeaturesHead = sizeof(ethtool_gfeatures) / 4,
                               kBlockWords = sizeof(ethtool_get_features_block) / 4,
                               kActive = offsetof(ethtool_get_features_block, active) / 4;

  std::uint32_t features() {
    std::array<std::uint32_t, sizeof(ethtool_sset_info) / 4 + 1> sets{ETHTOOL_GSSET_INFO};
    const std::uint64_t wanted = std::uint64_t{1} << ETH_SS_FEATURES;
    std::memcpy(&sets[offsetof(ethtool_sset_info, sset_mask) / 4], &wanted, sizeof wanted);
    constexpr std::uint32_t kMost = 1024;
    return ask(sets.data()) && sets.back() <= kMost ? sets.back() : 0;
  }

  bool ask(void* question) {
    request_.ifr_data = static_cast<char*>(question);
    return ioctl(socket_.get(), SIOCETHTOOL, &request_) == 0;
  }

  FileDescriptor socket_;
  ifreq request_{};
};

}  // namespace

std::vector<Interface> network_interfaces() {
  std::vector<Link> links;
  const ifinfomsg all{};
  try {
    bpf::netlink_dump(RTM_GETLINK, bpf::NetlinkBytes(reinterpret_cast<const std::uint8_t*>(&all), sizeof all),
                      RTM_NEWLINK, [&](bpf::NetlinkBytes message) { links.push_back(read_link(message)); });
  } catch (const std::system_error&) {
    return {};  // a sandbox without netlink
  }
  std::erase_if(links, [](const Link& link) { return (link.flags & IFF_UP) == 0 || (link.flags & IFF_LOOPBACK) != 0; });
  std::ranges::sort(links, {}, &Link::index);
  if (links.size() > Host::kMaxInterfaces) links.resize(Host::kMaxInterfaces);

  std::vector<Interface> interfaces;
  for (Link& link : links) {
    Driver driver(link.interface.name);
    link.interface.driver = driver.name();
    link.interface.offloads = driver.offloads();
    link.interface.programs = bpf::ingress_programs(link.index);
    interfaces.push_back(std::move(link.interface));
  }
  return interfaces;
}

}  // namespace paceline::traffic
