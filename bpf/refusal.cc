// SPDX-License-Identifier: MIT
#include "bpf/refusal.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace paceline::bpf {
namespace {

#ifndef CAP_PERFMON
#error "these kernel headers are older than Linux 5.8"
#endif

class Capabilities {
 public:
  Capabilities() {
    __user_cap_header_struct header{};
    header.version = _LINUX_CAPABILITY_VERSION_3;
    if (syscall(SYS_capget, &header, data_.data()) != 0) data_ = {};
  }

  bool has(unsigned capability) const { return (data_[capability / 32].effective & (1U << (capability % 32))) != 0; }

 private:
  std::array<__user_cap_data_struct, 2> data_{};
};

std::string missing_capabilities(const Capabilities& own) {
  std::string missing;
  const auto need = [&](bool there, const char* name) {
    if (!there) missing += (missing.empty() ? "" : " and ") + std::string(name);
  };
  need(own.has(CAP_BPF) || own.has(CAP_SYS_ADMIN), "CAP_BPF (before Linux 5.8: CAP_SYS_ADMIN)");
  need(own.has(CAP_NET_ADMIN), "CAP_NET_ADMIN");
  return missing;
}

}  // namespace

std::string refusal(int error, const std::string& detail) {
  std::string text = std::generic_category().message(error);
  if (error == EPERM || error == EACCES) {
    const Capabilities own;
    const std::string missing = missing_capabilities(own);
    if (!missing.empty()) return text + ": the process lacks " + missing;
    text += ", although CAP_BPF and CAP_NET_ADMIN are there (a user namespace, a seccomp profile or lockdown";
    if (!own.has(CAP_PERFMON) && !own.has(CAP_SYS_ADMIN)) text += ", CAP_PERFMON before Linux 6.1";
    text += ", RLIMIT_MEMLOCK before 5.11?)";
  }
  if (error == ENOSYS) text += ": this kernel has no BPF";
  return detail.empty() ? text : text + " (" + detail + ")";
}

}  // namespace paceline::bpf
