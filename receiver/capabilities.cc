// SPDX-License-Identifier: MIT
#include "receiver/capabilities.h"

#include <linux/capability.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace paceline::receiver {

namespace {

struct FreeCap {
  void operator()(void* taken) const { cap_free(taken); }
};
using Sets = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCap>;

Sets own_sets() {
  Sets sets(cap_get_proc());
  if (!sets) throw std::system_error(errno, std::generic_category(), "reading the capabilities of a thread");
  return sets;
}

bool has(const Sets& sets, int capability, cap_flag_t flag) {
  cap_flag_value_t value = CAP_CLEAR;
  return cap_get_flag(sets.get(), capability, flag, &value) == 0 && value == CAP_SET;
}

void set(const Sets& sets, int capability, cap_flag_t flag) { cap_set_flag(sets.get(), flag, 1, &capability, CAP_SET); }

std::string name_of(int capability) {
  const std::unique_ptr<char, FreeCap> name(cap_to_name(capability));
  std::string text = name ? name.get() : std::to_string(capability);
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

/// Before Linux 5.19 reading a map takes the same capability as making one, where unprivileged BPF is off.
bool maps_need_capability() {
  utsname system{};
  int major = 0, minor = 0;
  if (uname(&system) != 0 || std::sscanf(system.release, "%d.%d", &major, &minor) != 2) return true;
  return std::pair(major, minor) < std::pair(5, 19);
}

}  // namespace

void raise_capabilities() {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const Sets sets = own_sets();
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if (has(sets, capability, CAP_PERMITTED)) set(sets, capability, CAP_EFFECTIVE);
  }
  // The kernel lets a thread raise what it is permitted; where something else does not, attaching says what is missing.
  cap_set_proc(sets.get());
}

std::vector<std::string> keep_capabilities(const std::vector<int>& wanted) {
  const Sets before = own_sets();
  const Sets after(cap_init());
  if (!after) throw std::system_error(errno, std::generic_category(), "making a set of capabilities");
  std::vector<std::string> kept;
  for (const int capability : wanted) {
    if (!has(before, capability, CAP_PERMITTED)) continue;
    set(after, capability, CAP_PERMITTED);
    set(after, capability, CAP_EFFECTIVE);
    kept.push_back(name_of(capability));
  }
  // What is neither permitted nor inheritable leaves the ambient set, too.
  if (cap_set_proc(after.get()) != 0)
    throw std::system_error(errno, std::generic_category(), "dropping the capabilities of a thread");
  return kept;
}

std::vector<int> needed_after_attach(const ReceiverSpec& spec, Hook hook) {
  std::vector<int> needed;
  if (hook == Hook::clsact) needed.push_back(CAP_NET_ADMIN);  // to take the filter off at the end
  if ((hook == Hook::clsact || hook == Hook::tcx) && maps_need_capability()) {
    needed.push_back(CAP_BPF);
    needed.push_back(CAP_SYS_ADMIN);  // before Linux 5.8
  }
  if (spec.record_directory) needed.push_back(CAP_DAC_OVERRIDE);  // root writes into others' directories
  return needed;
}

std::vector<int> needed_for_port(std::uint16_t port) {
  if (port == 0 || port >= 1024) return {};
  return {CAP_NET_BIND_SERVICE};
}

void start_without_capabilities(const std::vector<int>& wanted, const std::function<void()>& start) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      keep_capabilities(wanted);
      start();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace paceline::receiver
