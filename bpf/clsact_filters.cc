// SPDX-License-Identifier: MIT
#include "bpf/clsact_filters.h"

#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <system_error>

#include "bpf/netlink.h"

namespace paceline::bpf {
namespace {

TcFilter read_filter(NetlinkBytes message, bool ingress) {
  TcFilter filter;
  tcmsg head{};
  std::memcpy(&head, message.data(), std::min(message.size(), sizeof head));
  filter.ingress = ingress;
  filter.handle = head.tcm_handle;
  filter.priority = head.tcm_info >> 16;
  for_each_attribute(message, sizeof head, [&](int type, NetlinkBytes options) {
    if (type != TCA_OPTIONS) return;
    for_each_attribute(options, 0, [&](int option, NetlinkBytes data) {
      if (option == TCA_BPF_NAME) filter.name.assign(data.begin(), std::find(data.begin(), data.end(), 0));
      if (option == TCA_BPF_ID && data.size() == sizeof filter.program_id)
        std::memcpy(&filter.program_id, data.data(), data.size());
    });
  });
  return filter;
}

void dump(unsigned interface_index, bool ingress, std::vector<TcFilter>& filters) {
  tcmsg request{};
  request.tcm_family = AF_UNSPEC;
  request.tcm_ifindex = static_cast<int>(interface_index);
  request.tcm_parent = TC_H_MAKE(TC_H_CLSACT, ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  try {
    netlink_dump(RTM_GETTFILTER, NetlinkBytes(reinterpret_cast<const std::uint8_t*>(&request), sizeof request),
                 RTM_NEWTFILTER, [&](NetlinkBytes message) { filters.push_back(read_filter(message, ingress)); });
  } catch (const std::system_error& error) {
    if (error.code().value() != EOPNOTSUPP) throw;  // a kernel without filters has none
  }
}

}  // namespace

std::vector<TcFilter> list_clsact_filters(unsigned interface_index) {
  std::vector<TcFilter> filters;
  dump(interface_index, true, filters);
  dump(interface_index, false, filters);
  return filters;
}

}  // namespace paceline::bpf
