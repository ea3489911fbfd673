// SPDX-License-Identifier: MIT
//
// What a process that lacks a privilege is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <initializer_list>
#include <string>

#include "bpf/tc_hook.h"
#include "tests/bpf/network.h"
#include "tests/bpf/qdisc.h"

namespace paceline::bpf::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

void keep_only(std::initializer_list<unsigned> capabilities) {
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  std::array<__user_cap_data_struct, 2> data{};
  for (const unsigned capability : capabilities) {
    data[capability / 32].effective |= 1U << (capability % 32);
    data[capability / 32].permitted |= 1U << (capability % 32);
  }
  if (syscall(SYS_capset, &header, data.data()) != 0) throw std::runtime_error("capset");
}

std::string attach(bool tcx = true, const std::string& interface = kNear) {
  TcHook::Options options;
  options.udp_port = 8999;
  options.interfaces = {interface};
  options.allow_tcx = tcx;
  try {
    const TcHook hook = TcHook::attach(options);
    return "attached: " + std::string(to_string(hook.attachments()[0].hook));
  } catch (const AttachError& error) {
    return error.what();
  }
}

class PrivilegeTest : public NetworkTest {};

TEST_F(PrivilegeTest, NoneAtAll) {
  const std::string said = in_child([] {
    keep_only({});
    return attach();
  });
  EXPECT_THAT(said, AllOf(HasSubstr("lacks CAP_BPF"), HasSubstr("CAP_NET_ADMIN"), Not(HasSubstr("\n"))));
}

TEST_F(PrivilegeTest, OnlyBpf) {
  const std::string said = in_child([] {
    keep_only({CAP_BPF});
    return attach();
  });
  EXPECT_THAT(said, AllOf(HasSubstr("lacks CAP_NET_ADMIN"), Not(HasSubstr("CAP_BPF"))));
}

TEST_F(PrivilegeTest, OnlyNetAdmin) {
  const std::string said = in_child([] {
    keep_only({CAP_NET_ADMIN});
    return attach();
  });
  EXPECT_THAT(said, AllOf(HasSubstr("lacks CAP_BPF"), Not(HasSubstr("CAP_NET_ADMIN"))));
}

TEST_F(PrivilegeTest, TheTwoAreEnough) {
  for (const bool tcx : {true, false}) {
    const std::string said = in_child([=] {
      keep_only({CAP_BPF, CAP_NET_ADMIN});
      return attach(tcx);
    });
    EXPECT_THAT(said, HasSubstr("attached")) << "Linux before 6.1 also wants CAP_PERFMON";
  }
}

TEST_F(PrivilegeTest, UserNamespace) {
  const std::string said = in_child([] {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return std::string("a user namespace: not allowed here");
    return attach(true, "lo");
  });
  EXPECT_THAT(said, HasSubstr("a user namespace"));
}

// What a receiver does once it is set up: without a capability the hook stays, TCX goes with it, and the
// counters can still be read (Linux 5.19 and later).
TEST_F(PrivilegeTest, DroppedAfterAttaching) {
  NEEDS_TCX();
  const std::string said = in_child([] {
    TcHook::Options options;
    options.udp_port = 8999;
    options.interfaces = {kNear};
    options.allow_clsact = false;
    try {
      const TcHook hook = TcHook::attach(options);
      keep_only({});
      return "packets: " + std::to_string(hook.udp().packets);
    } catch (const AttachError& error) {
      return std::string(error.what());
    }
  });
  EXPECT_EQ(said, "packets: 0");
}

}  // namespace
}  // namespace paceline::bpf::test
