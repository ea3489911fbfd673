// SPDX-License-Identifier: MIT
//
// The rungs of the ladder, who else is on the hook, and what is left when the hook goes in an orderly way.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "bpf/tc_hook.h"
#include "paceline/error.h"
#include "tests/bpf/bystander.h"
#include "tests/bpf/network.h"
#include "tests/bpf/qdisc.h"
#include "tests/bpf/socket.h"

namespace paceline::bpf::test {
namespace {

using testing::HasSubstr;
using testing::Not;

static_assert(std::is_nothrow_move_constructible_v<TcHook> && !std::is_copy_constructible_v<TcHook>);

constexpr std::uint16_t kPort = 8999;

class AttachTest : public NetworkTest {
 protected:
  static TcHook::Options on_near(bool tcx, std::uint16_t port = kPort) {
    TcHook::Options options;
    options.udp_port = port;
    options.interfaces = {kNear};
    options.allow_tcx = tcx;
    return options;
  }

  static TcHook attach_tcx(std::uint16_t port = kPort) {
    TcHook::Options options = on_near(true, port);
    options.allow_clsact = false;
    return TcHook::attach(options);
  }

  static TcHook attach_clsact(std::uint16_t port = kPort) { return TcHook::attach(on_near(false, port)); }

  void send(int count, std::uint16_t port = kPort) {
    in_far([&] {
      Sender sender("10.77.0.1", port);
      for (int i = 0; i < count; ++i) sender.send();
    });
  }
};

TEST_F(AttachTest, TcxIsTheFirstRungAndLeavesNothing) {
  NEEDS_TCX();
  {
    const TcHook hook = TcHook::attach(on_near(true));
    ASSERT_EQ(hook.attachments().size(), 1U);
    EXPECT_EQ(hook.attachments()[0].interface, kNear);
    EXPECT_EQ(hook.attachments()[0].ifindex, if_nametoindex(kNear));
    EXPECT_EQ(hook.attachments()[0].hook, Hook::tcx);
    EXPECT_EQ(hook.attachments()[0].reason, "");
    EXPECT_THAT(hook.warnings(), testing::IsEmpty());
    EXPECT_EQ(tcx_programs(kNear), 1U);
    EXPECT_FALSE(has_clsact(kNear));
    send(10);
    EXPECT_EQ(hook.udp().packets, 10U);
    EXPECT_EQ(hook.udp().skbs, 10U);
    EXPECT_EQ(hook.udp().bytes, 10U * (14 + 20 + 8 + 64));
    EXPECT_EQ(hook.tcp().packets, 0U);
  }
  EXPECT_EQ(tcx_programs(kNear), 0U);
}

TEST_F(AttachTest, ClsactIsTheSecondRungAndLeavesNothing) {
  {
    const TcHook hook = attach_clsact();
    ASSERT_EQ(hook.attachments().size(), 1U);
    EXPECT_EQ(hook.attachments()[0].hook, Hook::clsact);
    EXPECT_EQ(hook.attachments()[0].reason, "TCX is switched off");
    EXPECT_THAT(hook.warnings(), testing::IsEmpty());
    EXPECT_THAT(filters(kNear), HasSubstr("pref 1 bpf"));
    EXPECT_THAT(filters(kNear), HasSubstr("paceline_ether"));
    send(10);
    EXPECT_EQ(hook.udp().packets, 10U);
  }
  EXPECT_FALSE(has_clsact(kNear));
}

TEST_F(AttachTest, ClsactIsTakenByItselfWhereTcxIsNotToBeHad) {
  std::vector<TcHook> others;
  const auto fill_tcx = [&] {
    for (std::uint16_t port = 10000; port < 11000; ++port) others.push_back(attach_tcx(port));
  };
  EXPECT_THROW(fill_tcx(), AttachError);  // it holds some sixty programs, or none before Linux 6.6
  const TcHook hook = TcHook::attach(on_near(true));
  EXPECT_EQ(hook.attachments()[0].hook, Hook::clsact);
  EXPECT_THAT(hook.attachments()[0].reason, testing::StartsWith("TCX: "));
}

TEST_F(AttachTest, MovedHookIsRemovedOnce) {
  std::optional<TcHook> outer;
  {
    TcHook hook = attach_clsact();
    outer.emplace(std::move(hook));
  }
  send(3);
  EXPECT_EQ(outer->udp().packets, 3U);
  TcHook other = attach_clsact(kPort + 1);
  *outer = std::move(other);
  EXPECT_THAT(filters(kNear), HasSubstr("paceline_ether"));
  send(2, kPort + 1);
  EXPECT_EQ(outer->udp().packets, 2U);
  outer.reset();
  EXPECT_FALSE(has_clsact(kNear));
}

TEST_F(AttachTest, BystanderOnTcxRunsToo) {
  NEEDS_TCX();
  Bystander bystander;
  bystander.attach_tcx(kNear);
  {
    const TcHook hook = attach_tcx();
    send(10);
    EXPECT_EQ(hook.udp().packets, 10U);
    EXPECT_GE(bystander.packets(), 10U);
  }
  EXPECT_EQ(tcx_programs(kNear), 1U);
}

TEST_F(AttachTest, BystanderOnClsactRunsBehindTcx) {
  NEEDS_TCX();
  Bystander bystander;
  bystander.attach_clsact(kNear, 1, 1);
  {
    const TcHook hook = attach_tcx();
    send(10);
    EXPECT_EQ(hook.udp().packets, 10U);
    EXPECT_GE(bystander.packets(), 10U);
  }
  EXPECT_THAT(filters(kNear), HasSubstr("bystander"));
}

TEST_F(AttachTest, BystandersFilterAndQdiscStay) {
  for (const unsigned priority : {1U, 2U, 49152U}) {
    SCOPED_TRACE(priority);
    shell("tc qdisc replace dev plnear clsact");
    Bystander bystander;
    bystander.attach_clsact(kNear, 1, priority);
    {
      const TcHook hook = attach_clsact();
      send(10);
      EXPECT_EQ(hook.udp().packets, 10U);
      EXPECT_GE(bystander.packets(), 10U);
    }
    EXPECT_TRUE(has_clsact(kNear));
    EXPECT_THAT(filters(kNear), HasSubstr("bystander"));
    EXPECT_THAT(filters(kNear), Not(HasSubstr("paceline")));
    shell("tc qdisc del dev plnear clsact");
  }
}

TEST_F(AttachTest, EmptyQdiscOfAnotherStays) {
  shell("tc qdisc add dev plnear clsact");
  { const TcHook hook = attach_clsact(); }
  EXPECT_TRUE(has_clsact(kNear));
  EXPECT_EQ(filters(kNear), "");
}

TEST_F(AttachTest, QdiscThatWeMadeStaysForABystanderWhoCameLater) {
  Bystander bystander;
  {
    const TcHook hook = attach_clsact();
    bystander.attach_clsact(kNear, 7, 3);
  }
  EXPECT_THAT(filters(kNear), HasSubstr("bystander"));
}

TEST_F(AttachTest, QdiscThatWeMadeStaysForAFilterOnEgress) {
  {
    const TcHook hook = attach_clsact();
    shell("tc filter add dev plnear egress prio 5 protocol ip u32 match u32 0 0");
  }
  EXPECT_TRUE(has_clsact(kNear));
  EXPECT_THAT(output_of("tc filter show dev plnear egress"), HasSubstr("u32"));
}

TEST_F(AttachTest, BystanderOnOneOfOurHandlesStays) {
  { const TcHook hook = attach_clsact(); }
  Bystander bystander;
  bystander.attach_clsact(kNear, 0x9ace1e00, 1);
  {
    const TcHook hook = attach_clsact();
    send(10);
    EXPECT_EQ(hook.udp().packets, 10U);
  }
  EXPECT_THAT(filters(kNear), HasSubstr("bystander"));
  EXPECT_THAT(filters(kNear), Not(HasSubstr("paceline")));
}

TEST_F(AttachTest, PriorityTakenByAnotherKindIsSaid) {
  shell(
      "tc qdisc add dev plnear clsact && tc filter add dev plnear ingress prio 1 protocol ip u32 match u32 0 "
      "0");
  try {
    attach_clsact();
    FAIL() << "attached";
  } catch (const AttachError& error) {
    EXPECT_THAT(error.what(), HasSubstr("plnear"));
    EXPECT_THAT(error.what(), HasSubstr("clsact"));
    EXPECT_THAT(error.what(), HasSubstr("priority"));  // the kernel's own words
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
  }
  EXPECT_THAT(filters(kNear), HasSubstr("u32"));
}

TEST_F(AttachTest, TwoHooksOnOneInterface) {
  for (const bool tcx : {true, false}) {
    if (tcx && !kernel_has_tcx()) continue;
    SCOPED_TRACE(tcx ? "TCX" : "clsact");
    {
      std::optional<TcHook> first(TcHook::attach(on_near(tcx, kPort)));
      const TcHook second = TcHook::attach(on_near(tcx, kPort + 1));
      EXPECT_THAT(second.warnings(), testing::IsEmpty());
      send(5, kPort);
      send(7, kPort + 1);
      EXPECT_EQ(first->udp().packets, 5U);
      EXPECT_EQ(second.udp().packets, 7U);
      first.reset();
      send(2, kPort + 1);
      EXPECT_EQ(second.udp().packets, 9U);
    }
    EXPECT_FALSE(has_clsact(kNear)) << "the second, the last to leave, did not make it";
    EXPECT_EQ(tcx_programs(kNear), 0U);
  }
}

TEST_F(AttachTest, MorePlacesThanFiltersIsSaid) {
  std::vector<TcHook> hooks;
  for (std::uint16_t i = 0; i < 16; ++i) hooks.push_back(attach_clsact(static_cast<std::uint16_t>(kPort + i)));
  EXPECT_THROW(
      {
        try {
          attach_clsact(1);
        } catch (const AttachError& error) {
          EXPECT_THAT(error.what(), HasSubstr("all 16 places"));
          throw;
        }
      },
      AttachError);
  send(1, kPort + 7);
  EXPECT_EQ(hooks[7].udp().packets, 1U);
  hooks.clear();
  EXPECT_FALSE(has_clsact(kNear));
}

TEST_F(AttachTest, EveryInterfaceThatIsUpButNoLoopback) {
  shell("ip link add pldown type veth peer name plpeer && ip link set plpeer up");
  TcHook::Options options;
  options.udp_port = kPort;
  const TcHook hook = TcHook::attach(options);
  std::vector<std::string> names;
  for (const TcHook::Attachment& attachment : hook.attachments()) names.push_back(attachment.interface);
  EXPECT_THAT(names, testing::UnorderedElementsAre(kNear, "plpeer"));
}

TEST_F(AttachTest, LoopbackWhenItIsNamed) {
  TcHook::Options options = on_near(true);
  options.interfaces = {"lo"};
  const TcHook hook = TcHook::attach(options);
  StampedSocket socket(kPort);
  Sender("127.0.0.1", kPort).send();
  const auto datagram = socket.receive();
  ASSERT_TRUE(datagram.has_value());
  EXPECT_TRUE(datagram->stamp.has_value());
  EXPECT_EQ(hook.udp().packets, 1U);
}

TEST_F(AttachTest, NoInterfaceUpIsSaid) {
  shell("ip link set plnear down");
  TcHook::Options options;
  options.udp_port = kPort;
  EXPECT_THROW(TcHook::attach(options), AttachError);
}

TEST_F(AttachTest, InterfaceThatIsNotThereIsAWarningBesideOneThatIs) {
  TcHook::Options options = on_near(true);
  options.interfaces = {"plnone", kNear};
  const TcHook hook = TcHook::attach(options);
  EXPECT_EQ(hook.attachments().size(), 1U);
  EXPECT_THAT(hook.warnings(), testing::ElementsAre(HasSubstr("plnone: there is no such interface")));
}

TEST_F(AttachTest, OnlyInterfacesThatAreNotThereIsAnError) {
  TcHook::Options options = on_near(true);
  options.interfaces = {"plnone", "a name that is far too long for an interface"};
  EXPECT_THROW(TcHook::attach(options), AttachError);
}

TEST_F(AttachTest, OptionsThatMakeNoSense) {
  TcHook::Options options = on_near(true);
  options.udp_port = 0;
  EXPECT_THROW(TcHook::attach(options), UsageError);
  options = on_near(false);
  options.allow_clsact = false;
  EXPECT_THROW(TcHook::attach(options), AttachError);
}

TEST_F(AttachTest, InterfaceThatGoesTakesItsHookAlong) {
  shell("ip link add plgone type veth peer name plpeer && ip link set plgone up");
  for (const bool tcx : {true, false}) {
    TcHook::Options options = on_near(tcx);
    options.interfaces = {tcx ? "plgone" : "plpeer", kNear};
    const TcHook hook = TcHook::attach(options);
    EXPECT_EQ(hook.attachments().size(), 2U);
    if (!tcx) shell("ip link del plgone");
    send(1);
    EXPECT_EQ(hook.udp().packets, 1U);
  }
  EXPECT_FALSE(has_clsact(kNear));
}

TEST_F(AttachTest, NothingIsPrinted) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  shell(
      "tc qdisc add dev plnear clsact && tc filter add dev plnear ingress prio 1 protocol ip u32 match u32 0 "
      "0");
  try {
    attach_clsact();
  } catch (const AttachError&) {
  }
  { const TcHook hook = TcHook::attach(on_near(true)); }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace paceline::bpf::test
