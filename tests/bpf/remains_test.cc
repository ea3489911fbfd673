// SPDX-License-Identifier: MIT
//
// What is left of a receiver that was killed, and who removes it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "bpf/tc_hook.h"
#include "tests/bpf/bystander.h"
#include "tests/bpf/network.h"
#include "tests/bpf/qdisc.h"
#include "tests/bpf/socket.h"

namespace paceline::bpf::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint16_t kPort = 8999;

class RemainsTest : public NetworkTest {
 protected:
  static TcHook attach(std::uint16_t port, bool tcx, bool clsact) {
    TcHook::Options options;
    options.udp_port = port;
    options.interfaces = {kNear};
    options.allow_tcx = tcx;
    options.allow_clsact = clsact;
    return TcHook::attach(options);
  }

  static std::unique_ptr<Victim> victim(std::uint16_t port, bool tcx) {
    return std::make_unique<Victim>([=] {
      static std::optional<TcHook> hook;  // lives until the process is killed
      hook.emplace(attach(port, tcx, !tcx));
    });
  }

  static std::size_t our_filters() {
    const std::string all = filters(kNear);
    std::size_t count = 0;
    for (std::size_t at = all.find("paceline_ether:["); at != std::string::npos;
         at = all.find("paceline_ether:[", at + 1))
      ++count;
    return count;
  }

  void send(int count, std::uint16_t port) {
    in_far([&] {
      Sender sender("10.77.0.1", port);
      for (int i = 0; i < count; ++i) sender.send();
    });
  }
};

TEST_F(RemainsTest, TcxGoesWithAKilledProcess) {
  NEEDS_TCX();
  const std::unique_ptr<Victim> killed = victim(kPort, true);
  EXPECT_EQ(tcx_programs(kNear), 1U);
  killed->kill();
  EXPECT_EQ(tcx_programs(kNear), 0U);
}

TEST_F(RemainsTest, ClsactFilterOfAKilledProcessIsRemovedByTheNext) {
  victim(kPort, false)->kill();
  ASSERT_EQ(our_filters(), 1U) << "there is nothing to clean up";
  {
    const TcHook hook = attach(kPort, false, true);
    EXPECT_EQ(our_filters(), 1U);
    EXPECT_THAT(hook.warnings(), ElementsAre(HasSubstr("removed 1 filter(s) from plnear")));
    send(5, kPort);
    EXPECT_EQ(hook.udp().packets, 5U);
  }
  EXPECT_FALSE(has_clsact(kNear)) << "the killed process made it";
}

TEST_F(RemainsTest, ClsactFilterIsRemovedByOneThatTakesTcx) {
  NEEDS_TCX();
  victim(kPort, false)->kill();
  ASSERT_EQ(our_filters(), 1U);
  const TcHook hook = attach(kPort, true, false);
  EXPECT_FALSE(has_clsact(kNear));
}

TEST_F(RemainsTest, BystandersFilterStays) {
  Bystander bystander;
  bystander.attach_clsact(kNear, 3, 1);
  victim(kPort, false)->kill();
  ASSERT_EQ(our_filters(), 1U);
  { const TcHook hook = attach(kPort, false, true); }
  EXPECT_EQ(our_filters(), 0U);
  EXPECT_THAT(filters(kNear), HasSubstr("bystander"));
}

TEST_F(RemainsTest, QdiscThatWasThereBeforeTheKilledProcessStays) {
  shell("tc qdisc add dev plnear clsact");
  victim(kPort, false)->kill();
  { const TcHook hook = attach(kPort, false, true); }
  EXPECT_EQ(our_filters(), 0U);
  EXPECT_TRUE(has_clsact(kNear));
}

TEST_F(RemainsTest, LivingReceiversFilterStays) {
  const std::unique_ptr<Victim> living = victim(kPort + 1, false);
  victim(kPort, false)->kill();
  ASSERT_EQ(our_filters(), 2U);
  std::optional<TcHook> hook(attach(kPort, false, true));
  EXPECT_THAT(hook->warnings(), ElementsAre(HasSubstr("removed 1 filter(s)")));
  EXPECT_EQ(our_filters(), 2U);
  living->kill();
  EXPECT_EQ(our_filters(), 2U);
  const TcHook next = attach(kPort + 2, false, true);
  EXPECT_THAT(next.warnings(), ElementsAre(HasSubstr("removed 1 filter(s)")));
  EXPECT_EQ(our_filters(), 2U);
  send(4, kPort);
  EXPECT_EQ(hook->udp().packets, 4U);
  hook.reset();
  EXPECT_EQ(our_filters(), 1U);
}

TEST_F(RemainsTest, SeveralKilledProcesses) {
  const std::unique_ptr<Victim> first = victim(kPort, false);
  const std::unique_ptr<Victim> second = victim(kPort + 1, false);
  first->kill();
  second->kill();
  ASSERT_EQ(our_filters(), 2U);
  {
    const TcHook hook = attach(kPort, false, true);
    EXPECT_THAT(hook.warnings(), ElementsAre(HasSubstr("removed 2 filter(s)")));
  }
  EXPECT_FALSE(has_clsact(kNear));
}

}  // namespace
}  // namespace paceline::bpf::test
