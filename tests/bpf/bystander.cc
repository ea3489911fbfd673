// SPDX-License-Identifier: MIT
#include "tests/bpf/bystander.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include <stdexcept>

#include "bpf/libbpf_log.h"
#include "tests/bpf/bystander.skel.h"

namespace paceline::bpf::test {

Bystander::Bystander() {
  LibbpfLog log;
  skeleton_.reset(bystander__open_and_load());
  if (!skeleton_) throw std::runtime_error("loading the bystander: " + log.last_warning());
}

void Bystander::Unload::operator()(bystander* skeleton) const { bystander__destroy(skeleton); }

void Bystander::attach_tcx(const std::string& interface) {
  constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
  link_ = UniqueFd(bpf_link_create(bpf_program__fd(skeleton_->progs.bystander),
                                   static_cast<int>(if_nametoindex(interface.c_str())), kTcxIngress, nullptr));
  if (!link_) throw std::runtime_error("attaching the bystander to TCX");
}

void Bystander::attach_clsact(const std::string& interface, std::uint32_t handle, std::uint32_t priority) {
  LibbpfLog log;
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  hook.attach_point = BPF_TC_INGRESS;
  bpf_tc_hook_create(&hook);
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.prog_fd = bpf_program__fd(skeleton_->progs.bystander);
  options.handle = handle;
  options.priority = priority;
  if (bpf_tc_attach(&hook, &options) != 0)
    throw std::runtime_error("attaching the bystander to clsact: " + log.last_warning());
}

std::uint64_t Bystander::packets() const { return skeleton_->bss->packets; }

}  // namespace paceline::bpf::test
