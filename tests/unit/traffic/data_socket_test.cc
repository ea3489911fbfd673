// SPDX-License-Identifier: MIT
#include "traffic/data_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "paceline/error.h"
#include "proto/packet.h"

namespace paceline::traffic {
namespace {

/// A UDP socket connected to `to`: it takes datagrams from there only.
FileDescriptor client_of(const Address& to) {
  const int family = to.is_v4() ? AF_INET : AF_INET6;
  FileDescriptor client(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address;
  const socklen_t length = to.to_sockaddr(address, family);
  EXPECT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&address), length), 0) << std::strerror(errno);
  return client;
}

Address local_address(const FileDescriptor& client) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  EXPECT_EQ(getsockname(client.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  return Address::from(address);
}

bool readable(int fd, int milliseconds = 5000) {
  pollfd watched{fd, POLLIN, 0};
  return poll(&watched, 1, milliseconds) == 1;
}

void send_text(const FileDescriptor& client, const std::string& text) {
  ASSERT_EQ(send(client.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size())) << std::strerror(errno);
}

std::string text_of(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

/// A datagram to `dialled` is seen with both its addresses, and the answer comes from where it was sent to.
void expect_answer_from(DataSocket& socket, const Address& dialled) {
  const FileDescriptor client = client_of(dialled);
  send_text(client, "hello");
  ASSERT_TRUE(readable(socket.fd()));
  const auto batch = socket.receive();
  ASSERT_EQ(batch.size(), 1u);
  const Datagram& datagram = batch.front();
  EXPECT_EQ(text_of(datagram.bytes), "hello");
  EXPECT_EQ(datagram.to.to_string(), dialled.to_string());
  EXPECT_EQ(datagram.from.to_string(), local_address(client).to_string());
  EXPECT_EQ(datagram.interface, if_nametoindex("lo"));

  const std::vector<std::uint8_t> answer{'y', 'o'};
  EXPECT_EQ(socket.reply(answer, datagram), 0);
  ASSERT_TRUE(readable(client.get())) << "no answer from " << dialled.to_string();
  char bytes[16];
  EXPECT_EQ(recv(client.get(), bytes, sizeof bytes, 0), 2);
}

TEST(DataSocket, AnswersFromTheAddressThatWasDialledIpv4) {
  DataSocket dual("", 0);
  for (const char* ip : {"127.0.0.1", "127.0.0.2", "127.1.2.3"})
    expect_answer_from(dual, Address::parse(ip, dual.port()));
}

TEST(DataSocket, AnswersFromTheAddressThatWasDialledIpv6) {
  DataSocket dual("", 0);
  expect_answer_from(dual, Address::parse("::1", dual.port()));
}

TEST(DataSocket, AnswersFromTheAddressThatWasDialledOnAnIpv4Socket) {
  DataSocket v4("0.0.0.0", 0);
  for (const char* ip : {"127.0.0.1", "127.0.0.2"}) expect_answer_from(v4, Address::parse(ip, v4.port()));
}

TEST(DataSocket, AnswersFromEachOfSeveralIpv6Addresses) {
  bool entered = false;
  std::thread([&] {
    entered = unshare(CLONE_NEWNET) == 0;
    if (!entered) return;
    const FileDescriptor v4(socket(AF_INET, SOCK_DGRAM, 0)), v6(socket(AF_INET6, SOCK_DGRAM, 0));
    ifreq up{};
    std::strcpy(up.ifr_name, "lo");
    up.ifr_flags = IFF_UP | IFF_LOOPBACK;
    ASSERT_EQ(ioctl(v4.get(), SIOCSIFFLAGS, &up), 0) << std::strerror(errno);
    for (const char* ip : {"fd00::1", "fd00::2"}) {
      in6_ifreq address{};
      address.ifr6_addr = Address::parse(ip, 0).ip();
      address.ifr6_prefixlen = 128;
      address.ifr6_ifindex = static_cast<int>(if_nametoindex("lo"));
      ASSERT_EQ(ioctl(v6.get(), SIOCSIFADDR, &address), 0) << std::strerror(errno);
      // It is tentative until the kernel's worker has looked at it.
      const FileDescriptor probe(socket(AF_INET6, SOCK_DGRAM, 0));
      sockaddr_storage own;
      const socklen_t length = Address::parse(ip, 0).to_sockaddr(own, AF_INET6);
      const auto usable = [&] { return bind(probe.get(), reinterpret_cast<const sockaddr*>(&own), length) == 0; };
      for (int i = 0; i < 1000 && !usable(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    DataSocket dual("", 0);
    for (const char* ip : {"fd00::1", "fd00::2", "::1"}) expect_answer_from(dual, Address::parse(ip, dual.port()));
  }).join();
  if (!entered) GTEST_SKIP() << "needs CAP_SYS_ADMIN for a network namespace";
}

TEST(DataSocket, ReceivesWhatHasArrivedInOrderAndDoesNotWait) {
  DataSocket socket("127.0.0.1", 0);
  EXPECT_TRUE(socket.receive().empty());
  const FileDescriptor client = client_of(Address::parse("127.0.0.1", socket.port()));
  for (int i = 0; i < 100; ++i) send_text(client, std::to_string(i));
  send_text(client, "");
  std::vector<std::string> arrived;
  while (readable(socket.fd(), arrived.size() < 101 ? 5000 : 0)) {
    const auto batch = socket.receive();
    EXPECT_LE(batch.size(), DataSocket::kBatch);
    for (const Datagram& datagram : batch) arrived.push_back(text_of(datagram.bytes));
  }
  ASSERT_EQ(arrived.size(), 101u);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(arrived[i], std::to_string(i));
  EXPECT_EQ(arrived.back(), "");
}

TEST(DataSocket, TakesTheLargestDatagramWhole) {
  DataSocket socket("127.0.0.1", 0);
  const FileDescriptor client = client_of(Address::parse("127.0.0.1", socket.port()));
  const int buffer = 1 << 20;
  setsockopt(client.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  send_text(client, std::string(65507, 'x'));
  ASSERT_TRUE(readable(socket.fd()));
  const auto batch = socket.receive();
  ASSERT_EQ(batch.size(), 1u);
  EXPECT_EQ(batch.front().bytes.size(), 65507u);
}

TEST(DataSocket, APortThatASocketOfNoGroupHasIsRefusedWithAHint) {
  const FileDescriptor other(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage any;
  ASSERT_EQ(
      bind(other.get(), reinterpret_cast<const sockaddr*>(&any), Address::parse("::", 0).to_sockaddr(any, AF_INET6)),
      0);
  const std::uint16_t port = local_address(other).port();
  for (const char* ip : {"", "127.0.0.1", "::1"}) {
    try {
      const DataSocket second(ip, port);
      ADD_FAILURE() << "bound '" << ip << "' beside another";
    } catch (const SetupError& error) {
      EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr(std::to_string(port)), testing::HasSubstr("in use"),
                                               testing::HasSubstr("--data-port")));
    }
  }
}

/// `count` datagrams of 64 bytes as the sender makes them, as far as steering looks at them.
std::string packets_of(std::uint32_t flow_id, std::size_t count) {
  std::string bytes(64 * count, 'x');
  for (std::size_t i = 0; i < count; ++i)
    packet::encode(packet::Header{packet::Type::data, flow_id, static_cast<std::uint32_t>(i), 0, 0},
                   std::span(reinterpret_cast<std::uint8_t*>(bytes.data()) + 64 * i, 64));
  return bytes;
}

/// The datagrams of the next receive(), as (number, bytes of each).
std::pair<std::size_t, std::size_t> next_received(DataSocket& socket) {
  std::size_t count = 0, segment = 0;
  EXPECT_TRUE(readable(socket.fd()));
  for (const Datagram& arrived : socket.receive()) {
    segment = arrived.segment;
    count += (arrived.bytes.size() + segment - 1) / segment;
  }
  return {count, segment};
}

TEST(DataSocket, AGroupIsSteeredByFlowId) {
  for (const char* bind : {"", "127.0.0.1", "::1"}) {
    std::vector<DataSocket> group;
    for (std::size_t i = 0; i < 6; ++i)
      group.emplace_back(bind, i == 0 ? std::uint16_t{0} : group.front().port(),
                         i % 2 == 0 ? DataSocket::Taking::single : DataSocket::Taking::coalesced);
    group.front().steer_by_flow(6);
    for (const char* ip : {"127.0.0.1", "::1"}) {
      if (*bind != 0 && std::string(bind) != ip) continue;
      for (const std::size_t count : {1u, 20u}) {  // alone, and as a super-packet
        for (const std::uint32_t id : {6u, 7u, 0x80000002u, 0xFFFFFFFFu, 0xFFFFFFFEu, 0xCAFE1235u}) {
          const FileDescriptor client = client_of(Address::parse(ip, group.front().port()));
          const int segment = 64;
          ASSERT_EQ(setsockopt(client.get(), SOL_UDP, UDP_SEGMENT, &segment, sizeof segment), 0);
          send_text(client, packets_of(id, count));
          EXPECT_EQ(next_received(group[id % 6]), std::pair(count, std::size_t{64})) << ip << " " << id;
          for (DataSocket& socket : group) EXPECT_TRUE(socket.receive().empty());
        }
      }
      const FileDescriptor client = client_of(Address::parse(ip, group.front().port()));
      send_text(client, "short");
      EXPECT_EQ(next_received(group[0]), std::pair(std::size_t{1}, std::size_t{5}));
    }
  }
}

TEST(DataSocket, ACoalescingOneTakesSuperPacketsWhole) {
  DataSocket socket("", 0, DataSocket::Taking::coalesced);
  ASSERT_TRUE(socket.coalesces());
  const FileDescriptor client = client_of(Address::parse("::1", socket.port()));
  send_text(client, "alone");
  const int segment = 64;
  ASSERT_EQ(setsockopt(client.get(), SOL_UDP, UDP_SEGMENT, &segment, sizeof segment), 0);
  const std::string together = packets_of(1, 30).substr(0, 64 * 30 - 10);
  send_text(client, together);
  send_text(client, "last");
  std::vector<std::pair<std::string, std::size_t>> arrived;
  while (arrived.size() < 3 && readable(socket.fd())) {
    for (const Datagram& datagram : socket.receive()) arrived.emplace_back(text_of(datagram.bytes), datagram.segment);
  }
  EXPECT_EQ(arrived, (std::vector<std::pair<std::string, std::size_t>>{{"alone", 5}, {together, 64}, {"last", 4}}));
}

TEST(DataSocket, AnAddressThatIsNotHereIsRefusedByName) {
  try {
    const DataSocket socket("192.0.2.1", 8999);
    FAIL();
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("192.0.2.1:8999/udp"));
  }
  EXPECT_THROW(DataSocket("localhost", 8999), UsageError);
}

TEST(DataSocket, CountsWhatAFullBufferDropped) {
  DataSocket socket("127.0.0.1", 0);
  EXPECT_GT(socket.buffer_bytes(), 0u);
  EXPECT_EQ(socket.drops(), 0u);
  const int small = 4096;
  ASSERT_EQ(setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
  const FileDescriptor client = client_of(Address::parse("127.0.0.1", socket.port()));
  std::uint64_t received = 0;
  for (const std::uint64_t sent : {200u, 400u}) {  // the count goes on
    for (int i = 0; i < 200; ++i) send_text(client, std::string(1000, 'x'));
    while (readable(socket.fd(), 0)) received += socket.receive().size();
    EXPECT_GT(received, 0u);
    EXPECT_GT(socket.drops(), 0u);
    EXPECT_EQ(received + socket.drops(), sent);
  }
}

TEST(DataSocket, TheKernelsStampComesOnRequestOnly) {
  DataSocket socket("127.0.0.1", 0);
  const FileDescriptor client = client_of(Address::parse("127.0.0.1", socket.port()));
  socket.enable_netstamp();
  bool stamped = false;  // the kernel switches stamping on with a little delay
  for (int i = 0; i < 100 && !stamped; ++i) {
    send_text(client, "x");
    ASSERT_TRUE(readable(socket.fd()));
    const auto batch = socket.receive();
    ASSERT_EQ(batch.size(), 1u);
    stamped = batch.front().stamp.by_kernel();
    EXPECT_FALSE(batch.front().stamp.by_tc_program());
    if (!stamped) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(stamped);
}

TEST(KernelStamp, ItsValueTellsWhoTookIt) {
  EXPECT_FALSE(KernelStamp{0}.by_kernel());
  EXPECT_FALSE(KernelStamp{0}.by_tc_program());
  EXPECT_TRUE(KernelStamp{1}.by_tc_program());
  EXPECT_FALSE(KernelStamp{1}.by_kernel());
  EXPECT_TRUE(KernelStamp{1'740'000'000'000'000'000}.by_kernel());
  EXPECT_FALSE(KernelStamp{1'740'000'000'000'000'000}.by_tc_program());
}

}  // namespace
}  // namespace paceline::traffic
