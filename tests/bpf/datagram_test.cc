// SPDX-License-Identifier: MIT
//
// Real datagrams over real devices, and the stamp that they bring to userspace.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <optional>
#include <string>

#include "bpf/tc_hook.h"
#include "tests/bpf/frame.h"
#include "tests/bpf/network.h"
#include "tests/bpf/qdisc.h"
#include "tests/bpf/socket.h"

namespace paceline::bpf::test {
namespace {

constexpr std::uint16_t kPort = 8999;

/// On each rung.
class DatagramTest : public NetworkTest, public testing::WithParamInterface<Hook> {
 protected:
  static TcHook attach(const std::string& interface = kNear) {
    TcHook::Options options;
    options.udp_port = kPort;
    options.tcp_ports = {kPort};
    options.interfaces = {interface};
    options.allow_tcx = GetParam() == Hook::tcx;
    options.allow_clsact = GetParam() == Hook::clsact;
    return TcHook::attach(options);
  }

  void SetUp() override {
    NetworkTest::SetUp();
    if (GetParam() == Hook::tcx) NEEDS_TCX();
  }

  void send(const std::string& address, std::uint16_t port, const std::function<void(Sender&)>& what) {
    in_far([&] {
      Sender sender(address, port);
      what(sender);
    });
  }

  /// What it leaves on the wire of plfar.
  void send_raw(const Bytes& frame) {
    in_far([&] {
      const UniqueFd raw(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
      sockaddr_ll to{};
      to.sll_family = AF_PACKET;
      to.sll_ifindex = static_cast<int>(if_nametoindex(kFar));
      ASSERT_EQ(sendto(raw.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
                static_cast<ssize_t>(frame.size()));
    });
  }
};

TEST_P(DatagramTest, BringsTheTimeOfItsArrivalAtTheHook) {
  const TcHook hook = attach();
  StampedSocket socket(kPort);
  for (const char* address : {"10.77.0.1", "fd77::1"}) {
    SCOPED_TRACE(address);
    for (int i = 0; i < 20; ++i) {
      std::int64_t sent = 0;
      send(address, kPort, [&](Sender& sender) {
        sent = monotonic_now();
        sender.send();
      });
      const auto datagram = socket.receive();
      const std::int64_t received = monotonic_now();
      ASSERT_TRUE(datagram.has_value());
      ASSERT_TRUE(datagram->stamp.has_value());
      EXPECT_GE(*datagram->stamp, sent);
      EXPECT_LE(*datagram->stamp, received);
    }
  }
  EXPECT_EQ(hook.udp().packets, 40U);
}

TEST_P(DatagramTest, OtherPortsAreLeftAlone) {
  const TcHook hook = attach();
  StampedSocket other(kPort + 1);
  send("10.77.0.1", kPort + 1, [](Sender& sender) { sender.send(); });
  const auto datagram = other.receive();
  ASSERT_TRUE(datagram.has_value());
  // A stamp of the kernel's own (somebody else on the machine may have turned that on) is a wall clock's.
  EXPECT_GT(datagram->stamp.value_or(INT64_MAX), 1'000'000'000'000'000'000);
  EXPECT_EQ(hook.udp().packets, 0U);
}

TEST_P(DatagramTest, NoStampIsMissingWhenTheReaderIsBehind) {
  constexpr unsigned kCount = 20'000;
  const TcHook hook = attach();
  StampedSocket socket(kPort, 128 << 20);
  const std::int64_t start = monotonic_now();
  send("10.77.0.1", kPort, [](Sender& sender) {
    for (unsigned i = 0; i < kCount; ++i) sender.send();
  });
  const std::int64_t end = monotonic_now();
  EXPECT_EQ(hook.udp().packets, kCount);

  unsigned received = 0, stamped = 0, in_order = 0;
  std::int64_t last = start;
  while (const auto datagram = socket.receive_queued()) {
    ++received;
    if (!datagram->stamp) continue;
    ++stamped;
    if (*datagram->stamp >= last && *datagram->stamp <= end) ++in_order;
    last = *datagram->stamp;
  }
  EXPECT_EQ(received, kCount);
  EXPECT_EQ(stamped, kCount);
  EXPECT_EQ(in_order, kCount);
}

TEST_P(DatagramTest, EverySegmentOfASuperPacketIsStampedAndCounted) {
  const TcHook hook = attach();
  StampedSocket socket(kPort);
  in_far([&] {
    Sender sender("10.77.0.1", kPort, 200);
    for (int i = 0; i < 5; ++i) sender.send(16 * 200);
  });
  for (int i = 0; i < 5 * 16; ++i) {
    const auto datagram = socket.receive();
    ASSERT_TRUE(datagram.has_value());
    EXPECT_EQ(datagram->size, 200U);
    EXPECT_TRUE(datagram->stamp.has_value());
  }
  EXPECT_EQ(hook.udp().packets, 80U);
  EXPECT_EQ(hook.udp().skbs, 5U) << "the veth device did not carry super-packets: nothing was tested";
}

TEST_P(DatagramTest, AReaderOfSuperPacketsGetsTheStamp) {
  const TcHook hook = attach();
  StampedSocket socket(kPort, 1 << 20, true);
  for (const char* address : {"10.77.0.1", "fd77::1"}) {
    SCOPED_TRACE(address);
    std::int64_t sent = 0;
    in_far([&] {
      Sender sender(address, kPort, 200);
      sent = monotonic_now();
      sender.send(16 * 200);
    });
    const auto datagram = socket.receive();
    const std::int64_t received = monotonic_now();
    ASSERT_TRUE(datagram.has_value());
    EXPECT_EQ(datagram->size, 16U * 200) << "the reader got no super-packet: nothing was tested";
    EXPECT_EQ(datagram->segment, 200);
    ASSERT_TRUE(datagram->stamp.has_value());
    EXPECT_GE(*datagram->stamp, sent);
    EXPECT_LE(*datagram->stamp, received);
  }
}

TEST_P(DatagramTest, EachFlowsSuperPacketsCountForIt) {
  constexpr std::size_t kSize = 100, kBatch = 64;
  TcHook hook = attach();
  StampedSocket socket(kPort, 8 << 20);
  hook.count_flow(1);
  hook.count_flow(2);
  in_far([&] {
    for (const std::uint32_t flow : {1U, 2U, 3U}) {
      const Bytes packet = data_packet(kPort, flow);
      Bytes batch;
      for (std::size_t i = 0; i < kBatch; ++i) {
        batch.insert(batch.end(), packet.begin() + 8, packet.end());
        batch.resize((i + 1) * kSize);
      }
      for (const char* address : {"10.77.0.1", "fd77::1"}) {
        Sender in_batches(address, kPort, kSize), one_by_one(address, kPort);
        for (std::uint32_t i = 0; i < flow * 10; ++i) in_batches.send(batch);
        one_by_one.send(Bytes(batch.begin(), batch.begin() + kSize));
      }
    }
  });
  for (const std::uint32_t flow : {1U, 2U}) {
    const auto count = hook.flow_count(flow);
    ASSERT_TRUE(count.has_value());
    EXPECT_EQ(count->datagrams, 2 * (flow * 10 * kBatch + 1));
    EXPECT_EQ(count->skbs, 2 * (flow * 10 + 1)) << "the veth device did not carry super-packets";
  }
  EXPECT_FALSE(hook.flow_count(3).has_value());
  EXPECT_EQ(hook.udp().packets, 2 * ((10 + 20 + 30) * kBatch + 3));
  hook.forget_flow(1);
  EXPECT_FALSE(hook.flow_count(1).has_value());
}

TEST_P(DatagramTest, IpOptions) {
  const TcHook hook = attach();
  StampedSocket socket(kPort);
  send("10.77.0.1", kPort, [](Sender& sender) {
    const std::uint8_t no_operation[8] = {1, 1, 1, 1, 1, 1, 1, 0};
    ASSERT_EQ(setsockopt(sender.fd(), IPPROTO_IP, IP_OPTIONS, no_operation, sizeof(no_operation)), 0);
    sender.send();
  });
  const auto datagram = socket.receive();
  ASSERT_TRUE(datagram.has_value());
  EXPECT_TRUE(datagram->stamp.has_value());
  EXPECT_EQ(hook.udp().packets, 1U);
  EXPECT_EQ(hook.udp().bytes, 14U + 28 + 8 + 64);
}

TEST_P(DatagramTest, Ipv6ExtensionHeaders) {
  const TcHook hook = attach();
  StampedSocket socket(kPort);
  send("fd77::1", kPort, [](Sender& sender) {
    const std::uint8_t padding[8] = {0, 0, 1, 4, 0, 0, 0, 0};
    ASSERT_EQ(setsockopt(sender.fd(), IPPROTO_IPV6, IPV6_HOPOPTS, padding, sizeof(padding)), 0);
    ASSERT_EQ(setsockopt(sender.fd(), IPPROTO_IPV6, IPV6_DSTOPTS, padding, sizeof(padding)), 0);
    sender.send();
  });
  const auto datagram = socket.receive();
  ASSERT_TRUE(datagram.has_value());
  EXPECT_TRUE(datagram->stamp.has_value());
  EXPECT_EQ(hook.udp().bytes, 14U + 40 + 16 + 8 + 64);
}

TEST_P(DatagramTest, FragmentedDatagramsHaveNoStamp) {
  const TcHook hook = attach();
  StampedSocket socket(kPort);
  for (const char* address : {"10.77.0.1", "fd77::1"}) {
    send(address, kPort, [](Sender& sender) { sender.send(4000); });
    const auto datagram = socket.receive();
    ASSERT_TRUE(datagram.has_value());
    EXPECT_EQ(datagram->size, 4000U);
    EXPECT_GT(datagram->stamp.value_or(INT64_MAX), 1'000'000'000'000'000'000);
  }
  EXPECT_EQ(hook.udp().packets, 0U);
}

// The kernel takes the outer tag off before TC; the program steps over the inner one.
TEST_P(DatagramTest, VlanTagsOnTheWire) {
  const TcHook hook = attach();
  const Bytes packet = ipv4(kUdp) + ports(kPort);
  send_raw(ethernet(kVlan) + vlan(kIpv4) + packet);
  EXPECT_EQ(hook.udp().packets, 1U);
  send_raw(ethernet(kServiceVlan) + vlan(kVlan) + vlan(kIpv4) + packet);
  EXPECT_EQ(hook.udp().packets, 2U);
  send_raw(ethernet(kServiceVlan) + vlan(kVlan) + vlan(kIpv4) + ipv4(kUdp) + ports(kPort + 1));
  EXPECT_EQ(hook.udp().packets, 2U);
}

// Cut anywhere, a frame is read up to its end and no further.
TEST_P(DatagramTest, TruncatedFramesOnTheWire) {
  const TcHook hook = attach();
  std::uint64_t expected = 0;
  for (const bool v6 : {false, true}) {
    const Bytes whole = v6 ? ethernet(kIpv6) + ipv6(kUdp) + ports(kPort) : ethernet(kIpv4) + ipv4(kUdp) + ports(kPort);
    for (std::size_t size = 14; size <= whole.size(); ++size) {
      send_raw(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
      if (size >= (v6 ? 14U + 40 + 4 : 14U + 20 + 4)) ++expected;
      ASSERT_EQ(hook.udp().packets, expected) << size << (v6 ? " of IPv6" : " of IPv4");
    }
  }
}

TEST_P(DatagramTest, TcpSegmentsAreCounted) {
  const TcHook hook = attach();
  const UniqueFd listener(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(kPort);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  in_far([] {
    const UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(kPort);
    to.sin_addr.s_addr = htonl(0x0a4d0001);
    ASSERT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    ASSERT_EQ(::send(client.get(), "x", 1, 0), 1);
  });
  EXPECT_GE(hook.tcp().packets, 3U);  // SYN, ACK, data
  EXPECT_GE(hook.tcp().bytes, 3U * (14 + 20 + 20));
  EXPECT_EQ(hook.udp().packets, 0U);
}

/// A device without a link header.
TEST_P(DatagramTest, TunDevice) {
  const UniqueFd tun(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!tun) GTEST_SKIP() << "no /dev/net/tun";
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strcpy(request.ifr_name, "pltun");
  if (ioctl(tun.get(), TUNSETIFF, &request) != 0) GTEST_SKIP() << "no tun device: " << std::strerror(errno);
  shell(
      "ip link set plnear down && ip addr flush dev plnear && ip link set pltun up && ip addr add "
      "10.77.0.1/24 dev pltun");

  const TcHook hook = attach("pltun");
  StampedSocket socket(kPort);
  const Bytes packet = ipv4(kUdp) + ports(kPort);
  ASSERT_EQ(write(tun.get(), packet.data(), packet.size()), static_cast<ssize_t>(packet.size()));
  const auto datagram = socket.receive();
  ASSERT_TRUE(datagram.has_value());
  EXPECT_EQ(datagram->size, 32U);
  EXPECT_TRUE(datagram->stamp.has_value());
  EXPECT_EQ(hook.udp().packets, 1U);
  EXPECT_EQ(hook.udp().bytes, packet.size());
}

INSTANTIATE_TEST_SUITE_P(Rungs, DatagramTest, testing::Values(Hook::tcx, Hook::clsact),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace paceline::bpf::test
