// SPDX-License-Identifier: MIT
#include "bpf/clsact.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "bpf/libbpf_log.h"
#include "bpf/refusal.h"
#include "bpf/tc_program.h"

namespace paceline::bpf {
namespace {

constexpr std::uint32_t kPriority = 1;
constexpr std::uint32_t kPlaces = 16;  // receivers on one interface at a time
constexpr std::uint32_t kHandle = 0x9ace1e00;
constexpr std::uint32_t kMadeQdisc = 0x80;
constexpr auto kWholeQdisc = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);

std::uint32_t handle_of(std::uint32_t place, bool made_qdisc) {
  return kHandle | (made_qdisc ? kMadeQdisc : 0) | place;
}

/// One filter of any kind at the ingress or egress of clsact.
struct Filter {
  bool ingress = false;
  std::uint32_t handle = 0;
  std::uint32_t priority = 0;
  std::uint32_t program_id = 0;
  std::string name;

  bool in_a_place() const {
    return ingress && priority == kPriority && (handle & ~(kMadeQdisc | (kPlaces - 1))) == kHandle;
  }
  bool ours() const { return in_a_place() && TcProgram::is_ours(name); }
  bool marked() const { return (handle & kMadeQdisc) != 0; }
  std::uint32_t place() const { return handle & (kPlaces - 1); }
};

// Reads one attribute list; calls visit(type, data, size) for each.
template <class Visit>
void for_each_attribute(const std::uint8_t* at, std::size_t size, Visit visit) {
  while (size >= sizeof(rtattr)) {
    rtattr head{};
    std::memcpy(&head, at, sizeof(head));
    if (head.rta_len < sizeof(head) || head.rta_len > size) return;
    visit(head.rta_type & NLA_TYPE_MASK, at + RTA_LENGTH(0), head.rta_len - RTA_LENGTH(0));
    const std::size_t step = std::min<std::size_t>(RTA_ALIGN(head.rta_len), size);
    at += step;
    size -= step;
  }
}

Filter read_filter(const std::uint8_t* message, std::size_t size, bool ingress) {
  Filter filter;
  tcmsg head{};
  std::memcpy(&head, message, sizeof(head));
  filter.ingress = ingress;
  filter.handle = head.tcm_handle;
  filter.priority = head.tcm_info >> 16;
  const std::size_t attributes = NLMSG_ALIGN(sizeof(head));
  if (size <= attributes) return filter;
  for_each_attribute(message + attributes, size - attributes,
                     [&](int type, const std::uint8_t* options, std::size_t length) {
                       if (type != TCA_OPTIONS) return;
                       for_each_attribute(options, length, [&](int option, const std::uint8_t* data, std::size_t n) {
                         if (option == TCA_BPF_NAME) {
                           filter.name.assign(data, data + n);
                           filter.name.resize(std::strlen(filter.name.c_str()));
                         }
                         if (option == TCA_BPF_ID && n == sizeof(filter.program_id))
                           std::memcpy(&filter.program_id, data, n);
                       });
                     });
  return filter;
}

AttachError cannot(const Interface& interface, const std::string& what, int error, const std::string& detail = "") {
  return AttachError(what + " of " + interface.name + ": " + refusal(error, detail));
}

/// Every filter on one side of the interface's clsact qdisc; none when there is no such qdisc. libbpf only
/// asks for a filter whose handle and priority are known.
void dump(int socket, const Interface& interface, bool ingress, std::vector<Filter>& filters) {
  struct {
    nlmsghdr head;
    tcmsg body;
  } request{};
  request.head.nlmsg_len = sizeof(request);
  request.head.nlmsg_type = RTM_GETTFILTER;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.tcm_family = AF_UNSPEC;
  request.body.tcm_ifindex = static_cast<int>(interface.index);
  request.body.tcm_parent = TC_H_MAKE(TC_H_CLSACT, ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  if (send(socket, &request, sizeof(request), 0) < 0) throw cannot(interface, "listing the filters", errno);

  std::vector<std::uint8_t> answer(64 * 1024);
  for (;;) {
    const ssize_t received = recv(socket, answer.data(), answer.size(), MSG_TRUNC);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) throw cannot(interface, "listing the filters", errno);
    std::size_t left = static_cast<std::size_t>(received);
    if (left > answer.size()) throw cannot(interface, "listing the filters", EMSGSIZE);
    const std::uint8_t* at = answer.data();
    while (left >= sizeof(nlmsghdr)) {
      nlmsghdr head{};
      std::memcpy(&head, at, sizeof(head));
      if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > left)
        throw cannot(interface, "listing the filters", EBADMSG);
      const std::uint8_t* body = at + NLMSG_HDRLEN;
      const std::size_t size = head.nlmsg_len - NLMSG_HDRLEN;
      if (head.nlmsg_type == NLMSG_DONE) return;
      if (head.nlmsg_type == NLMSG_ERROR) {
        int error = 0;
        if (size >= sizeof(error)) std::memcpy(&error, body, sizeof(error));
        if (error == -EOPNOTSUPP) return;  // a kernel without filters has none
        throw cannot(interface, "listing the filters", -error);
      }
      if (head.nlmsg_type == RTM_NEWTFILTER && size >= sizeof(tcmsg))
        filters.push_back(read_filter(body, size, ingress));
      const std::size_t step = std::min<std::size_t>(NLMSG_ALIGN(head.nlmsg_len), left);
      at += step;
      left -= step;
    }
  }
}

std::vector<Filter> list_filters(const Interface& interface) {
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) throw cannot(interface, "listing the filters", errno);
  std::vector<Filter> filters;
  dump(socket.get(), interface, true, filters);
  dump(socket.get(), interface, false, filters);
  return filters;
}

bpf_tc_hook ingress_of(const Interface& interface) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(interface.index);
  hook.attach_point = BPF_TC_INGRESS;
  return hook;
}

bpf_tc_opts filter_options(std::uint32_t handle) {
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.handle = handle;
  options.priority = kPriority;
  return options;
}

/// 0 or an errno value.
int remove_filter(const Interface& interface, std::uint32_t handle) {
  LibbpfLog log;
  const bpf_tc_hook hook = ingress_of(interface);
  const bpf_tc_opts options = filter_options(handle);
  return -bpf_tc_detach(&hook, &options);
}

/// The kernel has no "delete if empty": a filter that somebody adds between the look and the removal is lost.
void remove_qdisc_if_empty(const Interface& interface) {
  if (!list_filters(interface).empty()) return;
  LibbpfLog log;
  bpf_tc_hook hook = ingress_of(interface);
  hook.attach_point = kWholeQdisc;
  bpf_tc_hook_destroy(&hook);
}

std::string changes_lock(const Interface& interface) { return "paceline-tc-" + std::to_string(interface.index); }

std::string place_lock(const Interface& interface, std::uint32_t place) {
  return changes_lock(interface) + "-" + std::to_string(place);
}

/// Under the changes lock.
unsigned remove_remains(const Interface& interface) {
  unsigned removed = 0;
  bool made_qdisc = false;
  for (const Filter& filter : list_filters(interface)) {
    if (!filter.ours()) continue;
    const std::optional<NamespaceLock> nobody_there = NamespaceLock::try_take(place_lock(interface, filter.place()));
    if (!nobody_there) continue;
    if (const int error = remove_filter(interface, filter.handle); error != 0)
      throw cannot(interface, "removing a dead process's filter", error);
    made_qdisc |= filter.marked();
    ++removed;
  }
  if (made_qdisc) remove_qdisc_if_empty(interface);
  return removed;
}

}  // namespace

std::optional<NamespaceLock> NamespaceLock::try_take(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), std::min(name.size(), sizeof(address.sun_path) - 1));
  const socklen_t length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());

  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket && bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0)
    return NamespaceLock(std::move(socket));
  if (errno == EADDRINUSE) return std::nullopt;
  throw AttachError("taking the lock '@" + name + "': " + std::generic_category().message(errno));
}

NamespaceLock NamespaceLock::take(const std::string& name) {
  using namespace std::chrono_literals;
  for (const auto end = std::chrono::steady_clock::now() + 2s; std::chrono::steady_clock::now() < end;) {
    if (std::optional<NamespaceLock> lock = try_take(name)) return std::move(*lock);
    std::this_thread::sleep_for(1ms);
  }
  throw AttachError("another process holds the lock '@" + name + "' of this network namespace");
}

unsigned remove_clsact_remains(const Interface& interface) {
  const NamespaceLock changes = NamespaceLock::take(changes_lock(interface));
  return remove_remains(interface);
}

ClsactFilter::ClsactFilter(const Interface& interface, int program_fd, std::uint32_t program_id)
    : interface_(interface), program_id_(program_id) {
  const NamespaceLock changes = NamespaceLock::take(changes_lock(interface));
  remove_remains(interface);

  bpf_tc_hook hook = ingress_of(interface);
  LibbpfLog log;
  const bool created = bpf_tc_hook_create(&hook) == 0;
  // When that failed for another reason than that the qdisc is there, attaching fails, too, and says why.
  try {
    add_filter(hook, created, program_fd, log);
  } catch (const AttachError&) {
    hook.attach_point = kWholeQdisc;
    if (created) bpf_tc_hook_destroy(&hook);
    throw;
  }
}

void ClsactFilter::add_filter(bpf_tc_hook hook, bool made_qdisc, int program_fd, const LibbpfLog& log) {
  std::array<bool, kPlaces> taken{};
  for (const Filter& filter : list_filters(interface_)) {
    if (filter.in_a_place()) taken[filter.place()] = true;
    made_qdisc |= filter.ours() && filter.marked();
  }
  std::uint32_t place = 0;
  while (place < kPlaces && (taken[place] || !(place_ = NamespaceLock::try_take(place_lock(interface_, place)))))
    ++place;
  if (place == kPlaces) throw AttachError("all " + std::to_string(kPlaces) + " places for a filter are taken");

  bpf_tc_opts options = filter_options(handle_of(place, made_qdisc));
  options.prog_fd = program_fd;
  if (const int error = bpf_tc_attach(&hook, &options); error != 0)
    throw AttachError(refusal(-error, log.last_warning()));
  handle_ = options.handle;
}

ClsactFilter::ClsactFilter(ClsactFilter&& other) noexcept
    : interface_(std::move(other.interface_)),
      program_id_(other.program_id_),
      handle_(std::exchange(other.handle_, 0)),
      place_(std::move(other.place_)) {}

ClsactFilter::~ClsactFilter() {
  if (handle_ == 0) return;
  try {
    const NamespaceLock changes = NamespaceLock::take(changes_lock(interface_));
    for (const Filter& filter : list_filters(interface_)) {
      if (!filter.ours() || filter.handle != handle_ || filter.program_id != program_id_) continue;
      remove_filter(interface_, handle_);
      if (filter.marked()) remove_qdisc_if_empty(interface_);
    }
  } catch (const std::exception&) {
    // The interface is gone, or the privilege: nothing more to do, and the next attach finds the remains.
  }
}

}  // namespace paceline::bpf
