// SPDX-License-Identifier: MIT
#include "receiver/capabilities.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace paceline::receiver {
namespace {

struct Sets {
  std::uint64_t permitted = 0, effective = 0, inheritable = 0;
};

/// Of the calling thread, as the kernel has them.
Sets read_sets() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  EXPECT_EQ(syscall(SYS_capget, &header, data.data()), 0);
  const auto join = [](std::uint32_t low, std::uint32_t high) { return std::uint64_t{high} << 32 | low; };
  return {join(data[0].permitted, data[1].permitted), join(data[0].effective, data[1].effective),
          join(data[0].inheritable, data[1].inheritable)};
}

constexpr std::uint64_t bit(int capability) { return std::uint64_t{1} << capability; }

// Everything happens on threads of the tests' own: what they give up is gone for good.
class CapabilitiesTest : public testing::Test {
 protected:
  void SetUp() override {
    if ((read_sets().permitted & bit(CAP_NET_ADMIN)) == 0) GTEST_SKIP() << "nothing to give up without CAP_NET_ADMIN";
  }

  template <class Work>
  static void on_a_thread(const Work& work) {
    std::thread(work).join();
  }
};

TEST_F(CapabilitiesTest, KeepsWhatIsWantedAlone) {
  on_a_thread([] {
    EXPECT_EQ(keep_capabilities({CAP_NET_ADMIN}), std::vector<std::string>{"CAP_NET_ADMIN"});
    EXPECT_EQ(read_sets().permitted, bit(CAP_NET_ADMIN));
    EXPECT_EQ(read_sets().effective, bit(CAP_NET_ADMIN));
    EXPECT_EQ(keep_capabilities({CAP_BPF}), std::vector<std::string>{}) << "what is gone does not come back";
    EXPECT_EQ(read_sets().permitted, 0u);
    EXPECT_EQ(read_sets().inheritable, 0u);
  });
}

TEST_F(CapabilitiesTest, ThreadsStartedAfterwardsHaveNoMore) {
  on_a_thread([] {
    keep_capabilities({});
    on_a_thread([] { EXPECT_EQ(read_sets().permitted, 0u); });
  });
}

TEST_F(CapabilitiesTest, WhatIsPermittedIsRaised) {
  on_a_thread([] {
    keep_capabilities({CAP_NET_ADMIN});
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    data[0].permitted = static_cast<std::uint32_t>(bit(CAP_NET_ADMIN));  // as "+p" of a file gives it
    ASSERT_EQ(syscall(SYS_capset, &header, data.data()), 0);
    ASSERT_EQ(read_sets().effective, 0u);
    raise_capabilities();
    EXPECT_EQ(read_sets().effective, bit(CAP_NET_ADMIN));
    EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
  });
}

TEST_F(CapabilitiesTest, StartedThreadsHaveNoneAndTheirFailureIsTold) {
  const Sets before = read_sets();
  std::uint64_t inside = ~std::uint64_t{0};
  start_without_capabilities({}, [&] { on_a_thread([&] { inside = read_sets().permitted; }); });
  EXPECT_EQ(inside, 0u);
  start_without_capabilities(needed_for_port(443), [&] { inside = read_sets().permitted; });
  EXPECT_EQ(inside, bit(CAP_NET_BIND_SERVICE));
  EXPECT_EQ(read_sets().permitted, before.permitted);
  EXPECT_THROW(start_without_capabilities({}, [] { throw std::runtime_error("no port"); }), std::runtime_error);
}

TEST(NeededAfterAttach, IsLeastWhereTheHookClosesItself) {
  const ReceiverSpec spec;
  EXPECT_TRUE(needed_after_attach(spec, Hook::none).empty());
  EXPECT_EQ(needed_after_attach(spec, Hook::clsact).front(), CAP_NET_ADMIN);
  ReceiverSpec recording;
  recording.record_directory = "/records";
  EXPECT_EQ(needed_after_attach(recording, Hook::none), std::vector<int>{CAP_DAC_OVERRIDE});
}

}  // namespace
}  // namespace paceline::receiver
