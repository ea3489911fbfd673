// SPDX-License-Identifier: MIT
#include "bpf/netlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "bpf/unique_fd.h"

namespace paceline::bpf {
namespace {

[[noreturn]] void refuse(int error) { throw std::system_error(error, std::generic_category(), "rtnetlink"); }

// Whether the dump's last message was among them.
bool read_messages(NetlinkBytes messages, std::uint16_t wanted, const std::function<void(NetlinkBytes)>& told) {
  while (messages.size() >= sizeof(nlmsghdr)) {
    nlmsghdr head{};
    std::memcpy(&head, messages.data(), sizeof head);
    if (head.nlmsg_len < NLMSG_HDRLEN || head.nlmsg_len > messages.size()) refuse(EBADMSG);
    const NetlinkBytes body = messages.subspan(NLMSG_HDRLEN, head.nlmsg_len - NLMSG_HDRLEN);
    if (head.nlmsg_type == NLMSG_DONE) return true;
    if (head.nlmsg_type == NLMSG_ERROR) {
      int error = 0;
      if (body.size() >= sizeof error) std::memcpy(&error, body.data(), sizeof error);
      refuse(-error);
    }
    if (head.nlmsg_type == wanted) told(body);
    messages = messages.subspan(std::min<std::size_t>(NLMSG_ALIGN(head.nlmsg_len), messages.size()));
  }
  return false;
}

}  // namespace

void netlink_dump(std::uint16_t request, NetlinkBytes body, std::uint16_t wanted,
                  const std::function<void(NetlinkBytes body)>& told) {
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) refuse(errno);
  nlmsghdr head{};
  head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_HDRLEN + body.size());
  head.nlmsg_type = request;
  head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  std::vector<std::uint8_t> buffer(std::size_t{64} << 10);
  std::memcpy(buffer.data(), &head, sizeof head);
  std::memcpy(buffer.data() + NLMSG_HDRLEN, body.data(), body.size());
  if (send(socket.get(), buffer.data(), head.nlmsg_len, 0) < 0) refuse(errno);
  for (;;) {
    const ssize_t received = recv(socket.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) refuse(errno);
    const auto size = static_cast<std::size_t>(received);
    if (size > buffer.size()) refuse(EMSGSIZE);
    if (read_messages(NetlinkBytes(buffer).first(size), wanted, told)) return;
  }
}

void for_each_attribute(NetlinkBytes list, std::size_t skip,
                        const std::function<void(int type, NetlinkBytes data)>& told) {
  list = list.subspan(std::min<std::size_t>(NLMSG_ALIGN(skip), list.size()));
  while (list.size() >= sizeof(rtattr)) {
    rtattr head{};
    std::memcpy(&head, list.data(), sizeof head);
    if (head.rta_len < RTA_LENGTH(0) || head.rta_len > list.size()) return;
    told(head.rta_type & NLA_TYPE_MASK, list.subspan(RTA_LENGTH(0), head.rta_len - RTA_LENGTH(0)));
    list = list.subspan(std::min<std::size_t>(RTA_ALIGN(head.rta_len), list.size()));
  }
}

}  // namespace paceline::bpf
