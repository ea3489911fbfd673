// SPDX-License-Identifier: MIT
//
// What is on an interface's hooks, asked past the code under test.
#pragma once

#include <bpf/bpf.h>
#include <net/if.h>

#include <string>

#include "tests/bpf/network.h"

namespace paceline::bpf::test {

inline bool kernel_has_tcx() {
  constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
  struct bpf_prog_query_opts options {};
  options.sz = sizeof(options);
  return bpf_prog_query_opts(static_cast<int>(if_nametoindex("lo")), kTcxIngress, &options) == 0;
}

#define NEEDS_TCX() \
  if (!kernel_has_tcx()) GTEST_SKIP() << "this kernel has no TCX (before 6.6)"

/// Programs on the TCX ingress hook; 0 where the kernel has none.
inline unsigned tcx_programs(const std::string& interface) {
  constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
  struct bpf_prog_query_opts options {};
  options.sz = sizeof(options);
  const int ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  return bpf_prog_query_opts(ifindex, kTcxIngress, &options) == 0 ? options.prog_cnt : 0;
}

inline bool has_clsact(const std::string& interface) {
  return output_of("tc qdisc show dev " + interface).find("clsact") != std::string::npos;
}

/// The filters on its ingress, as tc prints them.
inline std::string filters(const std::string& interface) {
  return output_of("tc filter show dev " + interface + " ingress");
}

}  // namespace paceline::bpf::test
