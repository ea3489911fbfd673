// SPDX-License-Identifier: MIT
#include "traffic/udp_flow_sender.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "proto/packet.h"
#include "traffic/clock_source.h"
#include "traffic/cpu.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { close(); }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;

  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

sockaddr_storage address_of(const char* host, in_port_t port = 0) {
  sockaddr_storage address{};
  in_addr v4{};
  if (inet_pton(AF_INET, host, &v4) == 1) {
    const sockaddr_in in{AF_INET, port, v4, {}};
    std::memcpy(&address, &in, sizeof in);
  } else {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = port;
    EXPECT_EQ(inet_pton(AF_INET6, host, &in6.sin6_addr), 1) << host;
    std::memcpy(&address, &in6, sizeof in6);
  }
  return address;
}

/// Two UDP sockets over loopback, the second connected to the first.
struct Loopback {
  explicit Loopback(const char* host = "127.0.0.1")
      : address(address_of(host)),
        receiver(socket(address.ss_family, SOCK_DGRAM, 0)),
        sender(socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(receiver.get(), raw(), size), 0) << strerror(errno);
    EXPECT_EQ(getsockname(receiver.get(), raw(), &size), 0);
    EXPECT_EQ(connect(sender.get(), raw(), size), 0) << strerror(errno);
    const int buffer = 4 << 20;
    setsockopt(receiver.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  }

  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&address); }

  std::vector<std::vector<std::uint8_t>> received() const {
    std::vector<std::vector<std::uint8_t>> packets;
    std::vector<std::uint8_t> bytes(65536);
    for (ssize_t size; (size = recv(receiver.get(), bytes.data(), bytes.size(), MSG_DONTWAIT)) >= 0;)
      packets.emplace_back(bytes.begin(), bytes.begin() + size);
    return packets;
  }

  sockaddr_storage address;
  Socket receiver;
  Socket sender;
};

struct Recorder : SentSink {
  void sent(std::uint64_t sequence, std::int64_t lateness_ns) override {
    sequences.push_back(sequence);
    lateness.push_back(lateness_ns);
    if (then) then(sequence);
  }
  std::vector<std::uint64_t> sequences;
  std::vector<std::int64_t> lateness;
  std::function<void(std::uint64_t)> then;
};

UdpFlow flow_over(const Socket& socket, double rate_pps, nanoseconds duration) {
  UdpFlow flow;
  flow.socket = socket.get();
  flow.flow_id = 0xCAFE1234;
  flow.spec.rate_pps = rate_pps;
  flow.spec.size = 64;
  flow.spec.duration = duration;
  flow.start = now<SenderClock>() + 2ms;
  return flow;
}

std::vector<std::uint64_t> first_numbers(std::uint64_t count) {
  std::vector<std::uint64_t> numbers(count);
  for (std::uint64_t i = 0; i < count; ++i) numbers[i] = i;
  return numbers;
}

TEST(UdpFlowSender, SendsEverySlotWithItsHeader) {
  for (const Pacing pacing : {Pacing::sleep, Pacing::hybrid, Pacing::busy}) {
    SCOPED_TRACE(to_string(pacing));
    const Loopback path;
    Recorder recorder;
    UdpFlow flow = flow_over(path.sender, 2000, 50ms);
    flow.spec.pacing = pacing;
    const UdpFlowOutcome outcome = send_udp_flow(flow, recorder);
    const SenderTime after = now<SenderClock>();

    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.sent.packets, 100U);
    EXPECT_EQ(outcome.sent.bytes, 6400U);
    EXPECT_EQ(outcome.sent.missed_slots, 0U);
    EXPECT_EQ(outcome.sent.send_errors, 0U);
    EXPECT_EQ(outcome.sent.pacing, affordable_pacing(pacing, usable_cpus(), 1));
    EXPECT_EQ(outcome.sent.lateness.count, 0U);
    EXPECT_EQ(recorder.sequences, first_numbers(100));

    const auto packets = path.received();
    ASSERT_EQ(packets.size(), 100U);
    for (std::size_t i = 0; i < packets.size(); ++i) {
      ASSERT_EQ(packets[i].size(), 64U);
      const auto header = packet::decode_header(packets[i]);
      ASSERT_TRUE(header.has_value());
      EXPECT_EQ(header->type, packet::Type::data);
      EXPECT_EQ(header->flow_id, 0xCAFE1234U);
      EXPECT_EQ(header->sequence, i);
      EXPECT_EQ(header->lateness, packet::encode_lateness(recorder.lateness[i]));
      const SenderTime due = flow.start + i * 500us;
      const SenderTime sent = due + nanoseconds{recorder.lateness[i]};
      EXPECT_EQ(header->send_time, static_cast<std::uint64_t>(sent.time_since_epoch().count()) & ((1ULL << 48) - 1));
      EXPECT_GE(recorder.lateness[i], 0);
      EXPECT_LE(sent, after);
      EXPECT_TRUE(std::all_of(packets[i].begin() + packet::kHeaderSize, packets[i].end(),
                              [](std::uint8_t byte) { return byte == 0; }));
    }
    EXPECT_EQ(outcome.first_sent, flow.start + nanoseconds{recorder.lateness.front()});
    EXPECT_EQ(outcome.last_sent, flow.start + 99 * 500us + nanoseconds{recorder.lateness.back()});
    EXPECT_EQ(outcome.sent.span, outcome.last_sent - outcome.first_sent);
  }
}

TEST(UdpFlowSender, HybridBecomesSleepOnASingleCpu) {
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    const Loopback path;
    Recorder recorder;
    EXPECT_EQ(send_udp_flow(flow_over(path.sender, 1000, 5ms), recorder).sent.pacing, Pacing::sleep);
  }).join();
}

TEST(UdpFlowSender, AStallIsCaughtUpWithAndTold) {
  const Loopback path;
  Recorder recorder;
  recorder.then = [](std::uint64_t sequence) {
    if (sequence == 10) std::this_thread::sleep_for(30ms);
  };
  const UdpFlowOutcome outcome = send_udp_flow(flow_over(path.sender, 1000, 60ms), recorder);
  EXPECT_EQ(outcome.sent.packets, 60U);
  EXPECT_EQ(outcome.sent.missed_slots, 0U);
  EXPECT_EQ(recorder.sequences, first_numbers(60));
  EXPECT_GE(recorder.lateness[11], 28'000'000);  // due 1 ms after the stall began, less what slot 10 was late
  EXPECT_GE(recorder.lateness[20], 19'000'000);
  EXPECT_EQ(path.received().size(), 60U);
}

TEST(UdpFlowSender, SkipDropsTheSlotsThatAStallCost) {
  const Loopback path;
  Recorder recorder;
  recorder.then = [](std::uint64_t sequence) {
    if (sequence == 10) std::this_thread::sleep_for(30ms);
  };
  UdpFlow flow = flow_over(path.sender, 1000, 60ms);
  flow.spec.late = LatePolicy::skip;
  const UdpFlowOutcome outcome = send_udp_flow(flow, recorder);
  EXPECT_GE(outcome.sent.missed_slots, 28U);
  EXPECT_EQ(outcome.sent.packets + outcome.sent.missed_slots, 60U);
  EXPECT_EQ(recorder.sequences, first_numbers(outcome.sent.packets));  // no gap that would look like loss
  for (const std::int64_t lateness : recorder.lateness) EXPECT_LT(lateness, 1'000'000);
}

TEST(UdpFlowSender, WhatTheOvertimeCannotServeIsMissed) {
  const Loopback path;
  Recorder recorder;
  UdpFlow flow = flow_over(path.sender, FlowSpec::kMaxRate, 20ms);  // a packet in 10 ns: no machine sends that
  flow.overtime = 100ms;
  const UdpFlowOutcome outcome = send_udp_flow(flow, recorder);
  EXPECT_EQ(outcome.error, "");
  EXPECT_GT(outcome.sent.packets, 0U);
  EXPECT_GT(outcome.sent.missed_slots, 0U);
  EXPECT_EQ(outcome.sent.packets + outcome.sent.missed_slots, 2'000'000U);
  EXPECT_LT(outcome.last_sent, flow.start + flow.spec.duration + flow.overtime);
}

TEST(UdpFlowSender, AStopEndsTheFlowNormally) {
  const Loopback path;
  std::stop_source stop;
  Recorder recorder;
  recorder.then = [&](std::uint64_t sequence) {
    if (sequence == 4) stop.request_stop();
  };
  const UdpFlowOutcome outcome = send_udp_flow(flow_over(path.sender, 1000, 60s), recorder, stop.get_token());
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.sent.packets, 5U);
  EXPECT_EQ(outcome.sent.missed_slots, 0U);
}

TEST(UdpFlowSender, AStopEndsAWaitForASlowFlow) {
  const Loopback path;
  std::stop_source stop;
  Recorder recorder;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(30ms);
    stop.request_stop();
  });
  const UdpFlowOutcome outcome = send_udp_flow(flow_over(path.sender, 0.01, 1h), recorder, stop.get_token());
  EXPECT_LT(now<SenderClock>() - outcome.first_sent, 30s);  // the next packet is due after 100 s
  EXPECT_EQ(outcome.sent.packets, 1U);
}

TEST(UdpFlowSender, RefusedPacketsAreSentAgainAndCounted) {
  for (const char* host : {"127.0.0.1", "::1"}) {
    SCOPED_TRACE(host);
    Loopback path(host);
    path.receiver.close();
    Recorder recorder;
    const UdpFlowOutcome outcome = send_udp_flow(flow_over(path.sender, 1000, 40ms), recorder);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.sent.packets, 40U);
    EXPECT_EQ(recorder.sequences, first_numbers(40));
    EXPECT_GE(outcome.sent.send_errors, 1U);
    EXPECT_EQ(outcome.sent.send_retries, 0U);
  }
}

TEST(UdpFlowSender, ErrorsFromBeforeTheFlowAreNotItsOwn) {
  Loopback path;
  Loopback gone;
  gone.receiver.close();
  ASSERT_EQ(connect(path.sender.get(), gone.raw(), sizeof(sockaddr_in)), 0);
  ASSERT_EQ(send(path.sender.get(), "x", 1, 0), 1);  // leaves ECONNREFUSED pending
  ASSERT_EQ(connect(path.sender.get(), path.raw(), sizeof(sockaddr_in)), 0);
  Recorder recorder;
  const UdpFlowOutcome outcome = send_udp_flow(flow_over(path.sender, 1000, 5ms), recorder);
  EXPECT_EQ(outcome.sent.packets, 5U);
  EXPECT_EQ(outcome.sent.send_errors, 0U);
}

TEST(UdpFlowSender, AFullBufferIsWaitedForAndCounted) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);  // unlike loopback UDP it pushes back
  const Socket sender(ends[0]), receiver(ends[1]);
  Recorder recorder;
  UdpFlow flow = flow_over(sender, 1e6, 2ms);
  flow.spec.pacing = Pacing::busy;
  std::uint64_t arrived = 0;
  std::jthread reader([&] {
    std::this_thread::sleep_for(50ms);
    std::array<std::uint8_t, 64> bytes;
    while (recv(receiver.get(), bytes.data(), bytes.size(), 0) == 64) {
      if (packet::decode_header(bytes)->sequence != arrived) return;
      ++arrived;
      if (arrived == 2000) return;
    }
  });
  const UdpFlowOutcome outcome = send_udp_flow(flow, recorder);
  shutdown(sender.get(), SHUT_RDWR);
  reader.join();
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.sent.packets, 2000U);
  EXPECT_EQ(arrived, 2000U);
  EXPECT_GE(outcome.sent.send_retries, 1U);
  EXPECT_EQ(outcome.sent.send_errors, 0U);
}

/// A network namespace for one thread: an address on its loopback can come and go without harm.
class OwnNetwork {
 public:
  static constexpr const char* kAddress = "192.0.2.1";

  OwnNetwork() {
    set_flags("lo", true);
    set_address(true);
  }

  /// Without the address there is no route to it: sends fail with ENETUNREACH.
  void set_address(bool present) const {
    if (!present) return set_flags("lo:1", false);
    ifreq request = named("lo:1");
    const sockaddr_storage address = address_of(kAddress);
    std::memcpy(&request.ifr_addr, &address, sizeof request.ifr_addr);
    ASSERT_EQ(ioctl(control_.get(), SIOCSIFADDR, &request), 0) << strerror(errno);
  }

  void set_mtu(int mtu) const {
    ifreq request = named("lo");
    request.ifr_mtu = mtu;
    ASSERT_EQ(ioctl(control_.get(), SIOCSIFMTU, &request), 0) << strerror(errno);
  }

 private:
  static ifreq named(const char* interface) {
    ifreq request{};
    std::strcpy(request.ifr_name, interface);
    return request;
  }
  void set_flags(const char* interface, bool up) const {
    ifreq request = named(interface);
    request.ifr_flags = up ? IFF_UP | IFF_LOOPBACK : IFF_LOOPBACK;
    ASSERT_EQ(ioctl(control_.get(), SIOCSIFFLAGS, &request), 0) << strerror(errno);
  }

  Socket control_{socket(AF_INET, SOCK_DGRAM, 0)};
};

/// Runs `body` on a thread in a network namespace of its own; skips the test where that is not allowed.
void in_own_network(const std::function<void(const OwnNetwork&)>& body) {
  bool entered = false;
  std::thread([&] {
    entered = unshare(CLONE_NEWNET) == 0;
    if (entered) body(OwnNetwork());
  }).join();
  if (!entered) GTEST_SKIP() << "needs CAP_SYS_ADMIN for a network namespace";
}

TEST(UdpFlowSender, AnOutageDelaysPacketsButLosesNoNumber) {
  in_own_network([](const OwnNetwork& network) {
    const Loopback path(OwnNetwork::kAddress);
    Recorder recorder;
    std::jthread repair;
    recorder.then = [&](std::uint64_t sequence) {
      if (sequence != 9) return;
      network.set_address(false);
      repair = std::jthread([&] {
        std::this_thread::sleep_for(150ms);
        network.set_address(true);
      });
    };
    const UdpFlowOutcome outcome = send_udp_flow(flow_over(path.sender, 1000, 20ms), recorder);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.sent.packets, 20U);
    EXPECT_EQ(recorder.sequences, first_numbers(20));
    EXPECT_GE(outcome.sent.send_errors, 1U);
    EXPECT_GE(recorder.lateness[10], 140'000'000);
    EXPECT_EQ(path.received().size(), 20U);
  });
}

TEST(UdpFlowSender, AFullEgressQueueDelaysPacketsButLosesNoNumber) {
  in_own_network([](const OwnNetwork&) {
    if (std::system("tc qdisc add dev lo root tbf rate 2mbit burst 2kb limit 3000") != 0)
      GTEST_SKIP() << "needs tc and the tbf qdisc";
    const Loopback path;
    Recorder recorder;
    UdpFlow flow = flow_over(path.sender, 1e5, 500us);
    flow.spec.size = 400;  // 50 packets: 90 ms at the queue's rate
    const UdpFlowOutcome outcome = send_udp_flow(flow, recorder);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.sent.packets, 50U);
    EXPECT_GE(outcome.sent.send_retries, 1U);
    EXPECT_EQ(outcome.sent.send_errors, 0U);
    std::this_thread::sleep_for(100ms);  // what is still in the queue
    EXPECT_EQ(path.received().size(), 50U);
  });
}

TEST(UdpFlowSender, AnOutageThatLastsEndsTheFlow) {
  in_own_network([](const OwnNetwork& network) {
    const Loopback path(OwnNetwork::kAddress);
    Recorder recorder;
    recorder.then = [&](std::uint64_t sequence) {
      if (sequence == 9) network.set_address(false);
    };
    UdpFlow flow = flow_over(path.sender, 1000, 1s);
    flow.patience = 60ms;
    const UdpFlowOutcome outcome = send_udp_flow(flow, recorder);
    EXPECT_THAT(outcome.error, testing::StartsWith("no packet could be sent for 0.060000 s: "));
    EXPECT_EQ(outcome.sent.packets, 10U);
    EXPECT_EQ(outcome.sent.missed_slots, 0U);
  });
}

TEST(UdpFlowSender, APacketBeyondThePathsMtuEndsTheFlow) {
  in_own_network([](const OwnNetwork& network) {
    network.set_mtu(1400);
    const Loopback path(OwnNetwork::kAddress);
    const int dont_fragment = IP_PMTUDISC_DO;
    ASSERT_EQ(setsockopt(path.sender.get(), IPPROTO_IP, IP_MTU_DISCOVER, &dont_fragment, sizeof dont_fragment), 0);
    Recorder recorder;
    UdpFlow flow = flow_over(path.sender, 1000, 10ms);
    flow.spec.size = 1400;
    const UdpFlowOutcome outcome = send_udp_flow(flow, recorder);
    EXPECT_THAT(outcome.error,
                testing::AllOf(testing::HasSubstr("1400 bytes of payload"), testing::HasSubstr("MTU (1400 ")));
    EXPECT_EQ(outcome.sent.packets, 0U);
    flow.spec.size = 1372;
    flow.start = now<SenderClock>();
    EXPECT_EQ(send_udp_flow(flow, recorder).error, "");
  });
}

}  // namespace
}  // namespace paceline::traffic
