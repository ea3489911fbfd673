// SPDX-License-Identifier: MIT
//
// Real TCP streams over a veth pair: what the hook says of them against what was sent.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "bpf/tc_hook.h"
#include "tests/bpf/network.h"
#include "tests/bpf/qdisc.h"
#include "tests/bpf/socket.h"

namespace paceline::bpf::test {
namespace {

constexpr std::uint16_t kPort = 8999;
constexpr std::uint64_t kBytes = (std::uint64_t{100} << 20) + 12'345;
constexpr std::uint64_t kGranule = TcpArrivals::kGranule;

struct Path {
  const char* name;
  bool ipv6;
  Hook hook;
  bool segmentation = true;  ///< of both devices: TSO, so that packets of 64 KiB pass
  bool gro = false;          ///< of both devices: puts segments together on the near one, before the hook
  unsigned big_tcp = 0;      ///< bytes; 0: none
};

void check(bool fine, const char* what) {
  if (!fine) throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in6 any() {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(kPort);
  return address;
}

/// Mapped when `ipv6` is false.
sockaddr_in6 near_address(bool ipv6) {
  sockaddr_in6 address = any();
  inet_pton(AF_INET6, ipv6 ? "fd77::1" : "::ffff:10.77.0.1", &address.sin6_addr);
  return address;
}

TcpConnection connection_of(int socket) {
  sockaddr_in6 local{}, remote{};
  socklen_t size = sizeof(local);
  check(getsockname(socket, reinterpret_cast<sockaddr*>(&local), &size) == 0, "getsockname");
  size = sizeof(remote);
  check(getpeername(socket, reinterpret_cast<sockaddr*>(&remote), &size) == 0, "getpeername");
  return {local.sin6_addr, remote.sin6_addr, ntohs(local.sin6_port), ntohs(remote.sin6_port)};
}

UniqueFd accept_one(int listener) {
  pollfd readable{listener, POLLIN, 0};
  check(poll(&readable, 1, 5000) == 1, "nobody connected");
  UniqueFd socket(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  check(static_cast<bool>(socket), "accept");
  const timeval patience{5, 0};
  check(setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0, "SO_RCVTIMEO");
  return socket;
}

UniqueFd listen_here() {
  UniqueFd listener(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int off = 0;
  check(setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0, "IPV6_V6ONLY");
  const sockaddr_in6 address = any();
  check(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0, "bind");
  check(listen(listener.get(), 16) == 0, "listen");
  return listener;
}

/// Sends so many bytes to the near end and closes. Returns how many segments it had to send again.
std::uint64_t send_stream(bool ipv6, std::uint64_t bytes) {
  const UniqueFd client(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{5, 0};
  check(setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0, "SO_SNDTIMEO");
  const sockaddr_in6 to = near_address(ipv6);
  check(connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0, "connect");
  const std::vector<char> block(256 * 1024, 'x');
  while (bytes > 0) {
    const ssize_t sent = ::send(client.get(), block.data(), std::min<std::uint64_t>(block.size(), bytes), MSG_NOSIGNAL);
    check(sent > 0, "send");
    bytes -= static_cast<std::uint64_t>(sent);
  }
  shutdown(client.get(), SHUT_WR);
  char last = 0;
  check(recv(client.get(), &last, 1, 0) == 0, "the near end's close");
  tcp_info info{};
  socklen_t size = sizeof(info);
  check(getsockopt(client.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0, "TCP_INFO");
  return info.tcpi_total_retrans;
}

void set_offload(const char* device, std::uint32_t command, bool on) {
  const UniqueFd any_socket(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_value value{command, on};
  ifreq request{};
  std::strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  check(ioctl(any_socket.get(), SIOCETHTOOL, &request) == 0, "SIOCETHTOOL");
}

/// One CPU for both ends: packets of one connection that two CPUs hold at once overtake each other.
void stay_on_one_cpu() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
  check(sched_setaffinity(0, sizeof(one), &one) == 0, "sched_setaffinity");
}

class StreamTest : public NetworkTest {
 protected:
  static TcHook attach(Hook rung) {
    TcHook::Options options;
    options.tcp_ports = {kPort};
    options.interfaces = {kNear};
    options.allow_tcx = rung == Hook::tcx;
    options.allow_clsact = rung == Hook::clsact;
    return TcHook::attach(options);
  }

  void on_both_ends(const std::function<void(const char* device)>& what) {
    what(kNear);
    in_far([&] { what(kFar); });
  }
};

class StreamPathTest : public StreamTest, public testing::WithParamInterface<Path> {};

TEST_P(StreamPathTest, EveryGranuleIsFoundAndTheCountsAreWhatWasSent) {
  const Path& path = GetParam();
  if (path.hook == Hook::tcx) NEEDS_TCX();
  on_both_ends([&](const char* device) {
    set_offload(device, ETHTOOL_STSO, path.segmentation);
    set_offload(device, ETHTOOL_SGSO, path.segmentation);
    set_offload(device, ETHTOOL_SGRO, path.gro);
    const std::string size = std::to_string(path.big_tcp);
    if (path.big_tcp != 0)
      shell(std::string("ip link set dev ") + device + " gso_max_size " + size + " gro_max_size " + size);
  });
  stay_on_one_cpu();
  const TcHook hook = attach(path.hook);
  const UniqueFd listener = listen_here();
  std::uint64_t sent_again = 0;
  auto far = std::async(std::launch::async, [&] { in_far([&] { sent_again = send_stream(path.ipv6, kBytes); }); });
  const UniqueFd stream = accept_one(listener.get());
  const auto arrivals = hook.tcp_arrivals(connection_of(stream.get()));

  std::vector<char> block(1 << 20);
  std::uint64_t received = 0, granules = 0, missing = 0, late = 0, backwards = 0;
  std::int64_t last = monotonic_now() - 10'000'000'000;
  for (;;) {
    const ssize_t size = recv(stream.get(), block.data(), block.size(), 0);
    if (size <= 0) break;
    const std::int64_t read = monotonic_now();
    received += static_cast<std::uint64_t>(size);
    for (; arrivals && (granules + 1) * kGranule <= received; ++granules) {
      const auto time = arrivals->arrival(granules);
      if (!time) {
        ++missing;
        continue;
      }
      late += time->count() > read;
      backwards += time->count() < last;
      last = time->count();
    }
  }
  shutdown(stream.get(), SHUT_RDWR);
  far.get();

  ASSERT_NE(arrivals, nullptr);
  EXPECT_EQ(received, kBytes);
  EXPECT_EQ(granules, kBytes / kGranule);
  EXPECT_EQ(missing, 0U);
  EXPECT_EQ(late, 0U) << "read before it came";
  if (sent_again == 0) {
    EXPECT_EQ(backwards, 0U);
  }
  const TcpArrivals::Counts counts = arrivals->counts();
  if (sent_again == 0) {
    EXPECT_EQ(counts.bytes, kBytes);
    EXPECT_EQ(counts.retransmitted_bytes, 0U);
  } else {  // the device itself may drop, before the hook or behind it
    EXPECT_GE(counts.bytes, kBytes);
    EXPECT_LE(counts.bytes - counts.retransmitted_bytes, kBytes);
    EXPECT_GT(counts.retransmitted_bytes, 0U);
    EXPECT_LE(counts.retransmitted_bytes, sent_again * 1448);
  }
  EXPECT_GE(counts.segments, kBytes / 1448) << "an Ethernet frame carries no more than 1448";
  EXPECT_GE(counts.segments, counts.skbs);
  if (!path.segmentation && !path.gro) {
    EXPECT_EQ(counts.skbs, counts.segments);
  } else {
    EXPECT_LT(counts.skbs, counts.segments / 4) << "no super-packets: nothing was tested";
  }
  if (path.big_tcp != 0) {
    EXPECT_LT(counts.skbs, kBytes / 70'000) << "no BIG TCP: nothing was tested";
  }
  EXPECT_GE(hook.tcp().packets, counts.segments);
}

INSTANTIATE_TEST_SUITE_P(Paths, StreamPathTest,
                         testing::Values(Path{"Ipv4Tcx", false, Hook::tcx}, Path{"Ipv6Tcx", true, Hook::tcx},
                                         Path{"Ipv4Clsact", false, Hook::clsact},
                                         Path{"Ipv6Clsact", true, Hook::clsact},
                                         Path{"Ipv4SegmentBySegment", false, Hook::tcx, false, false},
                                         Path{"Ipv6SegmentBySegment", true, Hook::tcx, false, false},
                                         Path{"Ipv4Gro", false, Hook::tcx, false, true},
                                         Path{"Ipv6Gro", true, Hook::tcx, false, true},
                                         Path{"Ipv6BigTcp", true, Hook::tcx, true, false, 500'000}),
                         [](const auto& test) { return std::string(test.param.name); });

// Each stream finds its own times and counts.
TEST_F(StreamTest, ManyAtOnce) {
  constexpr unsigned kStreams = 16;
  constexpr std::uint64_t kEach = 4 << 20;
  const TcHook hook = attach(kernel_has_tcx() ? Hook::tcx : Hook::clsact);
  const UniqueFd listener = listen_here();
  auto far = std::async(std::launch::async, [&] {
    in_far([&] {
      std::vector<std::future<std::uint64_t>> senders;
      for (unsigned i = 0; i < kStreams; ++i)
        senders.push_back(std::async(std::launch::async, [i] { return send_stream(i % 2 == 0, kEach + i); }));
      for (auto& sender : senders) sender.get();
    });
  });
  std::vector<std::thread> readers;
  std::vector<std::uint64_t> received(kStreams), found(kStreams), counted(kStreams);
  for (unsigned i = 0; i < kStreams; ++i) {
    readers.emplace_back([&, i, stream = accept_one(listener.get())] {
      const auto arrivals = hook.tcp_arrivals(connection_of(stream.get()));
      std::vector<char> block(1 << 18);
      for (ssize_t size = 0; (size = recv(stream.get(), block.data(), block.size(), 0)) > 0;) {
        const std::uint64_t before = received[i] / kGranule;
        received[i] += static_cast<std::uint64_t>(size);
        for (std::uint64_t granule = before; arrivals && granule < received[i] / kGranule; ++granule)
          found[i] += arrivals->arrival(granule).has_value();
      }
      if (arrivals) counted[i] = arrivals->counts().bytes;
    });
  }
  for (std::thread& reader : readers) reader.join();
  far.get();
  for (unsigned i = 0; i < kStreams; ++i) {
    EXPECT_EQ(found[i], received[i] / kGranule);
    EXPECT_GE(received[i], kEach);
    EXPECT_GE(counted[i], received[i]);
  }
}

TEST_F(StreamTest, AConnectionOverLoopbackIsNotSeen) {
  const TcHook hook = attach(kernel_has_tcx() ? Hook::tcx : Hook::clsact);
  const UniqueFd listener = listen_here();
  const UniqueFd client(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 to = any();
  to.sin6_addr = in6addr_loopback;
  ASSERT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  const UniqueFd stream = accept_one(listener.get());
  EXPECT_EQ(hook.tcp_arrivals(connection_of(stream.get())), nullptr);
}

// The bridge and its port both have the hook: every packet passes it twice, and is one.
TEST_F(StreamTest, PacketsThatPassTwoHooksAreFollowedAtOne) {
  shell(std::string("ip link add plbridge type bridge && ip addr flush dev ") + kNear + " && ip link set " + kNear +
        " master plbridge && ip link set plbridge up && ip addr add 10.77.0.1/24 dev plbridge");
  TcHook::Options options;
  options.tcp_ports = {kPort};
  options.interfaces = {kNear, "plbridge"};
  const TcHook hook = TcHook::attach(options);
  stay_on_one_cpu();
  const UniqueFd listener = listen_here();
  constexpr std::uint64_t kSome = 1 << 20;
  auto far = std::async(std::launch::async, [&] { in_far([&] { send_stream(false, kSome); }); });
  const UniqueFd stream = accept_one(listener.get());
  const auto arrivals = hook.tcp_arrivals(connection_of(stream.get()));
  ASSERT_NE(arrivals, nullptr);
  std::vector<char> block(1 << 18);
  while (recv(stream.get(), block.data(), block.size(), 0) > 0) continue;
  shutdown(stream.get(), SHUT_RDWR);
  far.get();
  const TcpArrivals::Counts counts = arrivals->counts();
  EXPECT_EQ(counts.bytes - counts.retransmitted_bytes, kSome);
  EXPECT_EQ(counts.retransmitted_bytes, 0U);
}

}  // namespace
}  // namespace paceline::bpf::test
