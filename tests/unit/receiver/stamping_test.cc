// SPDX-License-Identifier: MIT
//
// The ladder's rungs that need no privilege, and what it passes on from the TC hook; tests/e2e/test_stamping.py climbs
// the others.
#include "receiver/stamping.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "paceline/error.h"
#include "proto/packet.h"
#include "traffic/file_descriptor.h"

namespace paceline::receiver {
namespace {

traffic::Datagram probe_with_stamp(std::int64_t raw) {
  traffic::Datagram probe;
  probe.interface = if_nametoindex("lo");
  probe.stamp.raw = raw;
  return probe;
}

constexpr std::int64_t kMonotonic = 5'000'000'000, kRealtime = 1'740'000'000'000'000'000;

ReceiverSpec without_hooks() {
  ReceiverSpec spec;
  spec.allow_tcx = spec.allow_clsact = false;
  return spec;
}

TEST(StampLadder, SwitchedOffIsUserspaceOnly) {
  ReceiverSpec spec;
  spec.tc = TcMode::off;
  const StampLadder ladder(spec, 8999, {8999, 9000});
  EXPECT_EQ(ladder.hook(), Hook::none);
  EXPECT_TRUE(ladder.interfaces().empty());
  EXPECT_TRUE(ladder.warnings().empty());
  EXPECT_FALSE(ladder.netstamp_allowed());
  EXPECT_FALSE(ladder.tc_required());
  EXPECT_THAT(ladder.reason(), testing::HasSubstr("--tc off"));
  EXPECT_EQ(ladder.judge(probe_with_stamp(0)), (Stamping{Hook::none, "", ladder.reason()}));
  EXPECT_EQ(ladder.judge(probe_with_stamp(kRealtime)), (Stamping{Hook::none, "", ladder.reason()}))
      << "another program on this machine switched the kernel's stamps on";
}

TEST(StampLadder, WithoutAHookTheKernelsOwnStampIsNext) {
  const StampLadder ladder(without_hooks(), 8999, {8999, 9000});
  EXPECT_EQ(ladder.hook(), Hook::netstamp);
  EXPECT_TRUE(ladder.netstamp_allowed());
  EXPECT_THAT(ladder.reason(), testing::HasSubstr("--hooks"));
  EXPECT_EQ(ladder.judge(probe_with_stamp(kRealtime)), (Stamping{Hook::netstamp, "", ladder.reason()}));
  EXPECT_EQ(ladder.judge(probe_with_stamp(0)), (Stamping{Hook::none, "", ladder.reason()}));
}

TEST(StampLadder, AStampOfAProgramThatIsNotOursIsNotClaimed) {
  const StampLadder ladder(without_hooks(), 8999, {8999, 9000});
  EXPECT_EQ(ladder.judge(probe_with_stamp(kMonotonic)).hook, Hook::none);
}

TEST(StampLadder, WithoutAnyRungOnlyUserspaceIsLeft) {
  ReceiverSpec spec = without_hooks();
  spec.allow_netstamp = false;
  const StampLadder ladder(spec, 8999, {8999, 9000});
  EXPECT_EQ(ladder.hook(), Hook::none);
  EXPECT_FALSE(ladder.netstamp_allowed());
}

TEST(StampLadder, ARequiredHookThatCannotBeAttachedIsASetupError) {
  ReceiverSpec spec = without_hooks();
  spec.tc = TcMode::required;
  try {
    const StampLadder ladder(spec, 8999, {8999, 9000});
    FAIL();
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("--tc required"), testing::HasSubstr("--hooks")));
  }
}

TEST(StampLadder, AnInterfaceThatDoesNotExistIsNamed) {
  ReceiverSpec spec;
  spec.tc = TcMode::required;
  spec.interfaces = {"nosuch0"};
  try {
    const StampLadder ladder(spec, 8999, {8999, 9000});
    FAIL();
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("--tc required"));
  }
}

TEST(StampLadder, WithoutAHookNoConnectionIsSeenAndNoFlowCounted) {
  const StampLadder ladder(without_hooks(), 8999, {8999, 9000});
  EXPECT_EQ(ladder.arrivals({}), nullptr);
  EXPECT_EQ(ladder.judge_connection(false), (Stamping{Hook::none, "", ladder.reason()}));
  ladder.count_flow(1);
  EXPECT_FALSE(ladder.flow_count(1).has_value());
  ladder.forget_flow(1);
}

/// A network namespace of its own, whose loopback has the hook.
class HookedLadder : public testing::Test {
 protected:
  static constexpr std::uint16_t kUdp = 8999, kTcp = 9000;

  void SetUp() override {
    if (unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "no privilege to make a network namespace (CAP_SYS_ADMIN)";
    const traffic::FileDescriptor any_socket(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq up{};
    std::strcpy(up.ifr_name, "lo");
    up.ifr_flags = IFF_UP;
    ASSERT_EQ(ioctl(any_socket.get(), SIOCSIFFLAGS, &up), 0);
    ReceiverSpec spec;
    spec.interfaces = {"lo"};
    spec.allow_netstamp = false;
    ladder_.emplace(spec, kUdp, std::vector<std::uint16_t>{kTcp - 1, kTcp});
    if (ladder_->hook() == Hook::none) GTEST_SKIP() << ladder_->reason();
  }

  std::optional<StampLadder> ladder_;
};

TEST_F(HookedLadder, SeesAConnectionToEachTcpPort) {
  for (const std::uint16_t port : {kTcp, static_cast<std::uint16_t>(kTcp - 1)}) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const traffic::FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    ASSERT_EQ(listen(listener.get(), 1), 0);
    const traffic::FileDescriptor client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    ASSERT_EQ(send(client.get(), "probe", 5, 0), 5);
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    ASSERT_EQ(getsockname(client.get(), reinterpret_cast<sockaddr*>(&from), &size), 0);

    bpf::TcpConnection connection;
    ASSERT_EQ(inet_pton(AF_INET6, "::ffff:127.0.0.1", &connection.local), 1);
    connection.remote = connection.local;
    connection.local_port = port;
    connection.remote_port = ntohs(from.sin_port);
    const auto arrivals = ladder_->arrivals(connection);
    ASSERT_NE(arrivals, nullptr);
    EXPECT_EQ(arrivals->counts().bytes, 5U);
  }
}

TEST_F(HookedLadder, AConnectionIsOnTheHooksRungOnlyWhenItWasSeen) {
  EXPECT_EQ(ladder_->judge_connection(true), (Stamping{ladder_->hook(), "lo", ladder_->reason()}));
  const Stamping unseen = ladder_->judge_connection(false);
  EXPECT_EQ(unseen.hook, Hook::none);
  EXPECT_EQ(unseen.interface, "");
  EXPECT_THAT(unseen.reason, testing::HasSubstr("no interface with the hook"));
}

TEST_F(HookedLadder, CountsTheFlowsThatItIsAskedTo) {
  constexpr std::uint32_t kFlow = 5;
  ladder_->count_flow(kFlow);
  EXPECT_EQ(ladder_->flow_count(kFlow), 0U);
  std::array<std::uint8_t, packet::kHeaderSize> bytes{};
  packet::encode(packet::Header{.flow_id = kFlow}, bytes);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(kUdp);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const traffic::FileDescriptor sender(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(sendto(sender.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
            static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(ladder_->flow_count(kFlow), 1U);
  EXPECT_FALSE(ladder_->flow_count(kFlow + 1).has_value());
  ladder_->forget_flow(kFlow);
  EXPECT_FALSE(ladder_->flow_count(kFlow).has_value());
}

}  // namespace
}  // namespace paceline::receiver
