// SPDX-License-Identifier: MIT
#include "bpf/clsact.h"

#include <bpf/libbpf.h>
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

#include "bpf/clsact_filters.h"
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

struct Filter : TcFilter {
  bool in_a_place() const {
    return ingress && priority == kPriority && (handle & ~(kMadeQdisc | (kPlaces - 1))) == kHandle;
  }
  bool ours() const { return in_a_place() && TcProgram::is_ours(name); }
  bool marked() const { return (handle & kMadeQdisc) != 0; }
  std::uint32_t place() const { return handle & (kPlaces - 1); }
};

AttachError cannot(const Interface& interface, const std::string& what, int error, const std::string& detail = "") {
  return AttachError(what + " of " + interface.name + ": " + refusal(error, detail));
}

std::vector<Filter> list_filters(const Interface& interface) {
  try {
    std::vector<Filter> filters;
    for (TcFilter& filter : list_clsact_filters(interface.index)) filters.push_back({std::move(filter)});
    return filters;
  } catch (const std::system_error& error) {
    throw cannot(interface, "listing the filters", error.code().value());
  }
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
