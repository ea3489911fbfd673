// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "proto/packet.h"
#include "tests/unit/traffic/sending.h"
#include "traffic/udp_sender.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

TEST(UdpSender, RefusedPacketsAreSentAgainAndCounted) {
  for (const char* host : {"127.0.0.1", "::1"}) {
    SCOPED_TRACE(host);
    Loopback path(host);
    path.receiver.close();
    Recorder recorder;
    const UdpFlowOutcome outcome = send_one(flow_over(path.sender, 1000, 40ms), recorder);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.sent.packets, 40U);
    EXPECT_EQ(recorder.sequences, first_numbers(40));
    EXPECT_GE(outcome.sent.send_errors, 1U);
    EXPECT_EQ(outcome.sent.send_retries, 0U);
  }
}

TEST(UdpSender, ErrorsFromBeforeTheFlowAreNotItsOwn) {
  Loopback path;
  Loopback gone;
  gone.receiver.close();
  ASSERT_EQ(connect(path.sender.get(), gone.raw(), sizeof(sockaddr_in)), 0);
  ASSERT_EQ(send(path.sender.get(), "x", 1, 0), 1);  // leaves ECONNREFUSED pending
  ASSERT_EQ(connect(path.sender.get(), path.raw(), sizeof(sockaddr_in)), 0);
  Recorder recorder;
  const UdpFlowOutcome outcome = send_one(flow_over(path.sender, 1000, 5ms), recorder);
  EXPECT_EQ(outcome.sent.packets, 5U);
  EXPECT_EQ(outcome.sent.send_errors, 0U);
}

TEST(UdpSender, AFullBufferIsWaitedForAndCounted) {
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
  const UdpFlowOutcome outcome = send_one(flow, recorder);
  shutdown(sender.get(), SHUT_RDWR);
  reader.join();
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.sent.packets, 2000U);
  EXPECT_EQ(arrived, 2000U);
  EXPECT_GE(outcome.sent.send_retries, 1U);
  EXPECT_EQ(outcome.sent.send_errors, 0U);
}

TEST(UdpSender, AnOutageDelaysPacketsButLosesNoNumber) {
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
    const UdpFlowOutcome outcome = send_one(flow_over(path.sender, 1000, 20ms), recorder);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.sent.packets, 20U);
    EXPECT_EQ(recorder.sequences, first_numbers(20));
    EXPECT_GE(outcome.sent.send_errors, 1U);
    EXPECT_GE(recorder.lateness[10], 140'000'000);
    EXPECT_EQ(path.received().size(), 20U);
  });
}

TEST(UdpSender, AFullEgressQueueDelaysPacketsButLosesNoNumber) {
  in_own_network([](const OwnNetwork&) {
    if (std::system("tc qdisc add dev lo root tbf rate 2mbit burst 2kb limit 3000") != 0)
      GTEST_SKIP() << "needs tc and the tbf qdisc";
    const Loopback path;
    Recorder recorder;
    UdpFlow flow = flow_over(path.sender, 1e5, 500us);
    flow.spec.size = 400;  // 50 packets: 90 ms at the queue's rate
    const UdpFlowOutcome outcome = send_one(flow, recorder);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.sent.packets, 50U);
    EXPECT_GE(outcome.sent.send_retries, 1U);
    EXPECT_EQ(outcome.sent.send_errors, 0U);
    std::this_thread::sleep_for(100ms);  // what is still in the queue
    EXPECT_EQ(path.received().size(), 50U);
  });
}

TEST(UdpSender, AnOutageThatLastsEndsTheFlow) {
  in_own_network([](const OwnNetwork& network) {
    const Loopback path(OwnNetwork::kAddress);
    Recorder recorder;
    recorder.then = [&](std::uint64_t sequence) {
      if (sequence == 9) network.set_address(false);
    };
    UdpFlow flow = flow_over(path.sender, 1000, 1s);
    flow.patience = 60ms;
    const UdpFlowOutcome outcome = send_one(flow, recorder);
    EXPECT_THAT(outcome.error, testing::StartsWith("no packet could be sent for 0.060000 s: "));
    EXPECT_EQ(outcome.sent.packets, 10U);
    EXPECT_EQ(outcome.sent.missed_slots, 0U);
  });
}

TEST(UdpSender, APacketBeyondThePathsMtuEndsTheFlow) {
  in_own_network([](const OwnNetwork& network) {
    network.set_mtu(1400);
    const Loopback path(OwnNetwork::kAddress);
    const int dont_fragment = IP_PMTUDISC_DO;
    ASSERT_EQ(setsockopt(path.sender.get(), IPPROTO_IP, IP_MTU_DISCOVER, &dont_fragment, sizeof dont_fragment), 0);
    Recorder recorder;
    UdpFlow flow = flow_over(path.sender, 1000, 10ms);
    flow.spec.size = 1400;
    const UdpFlowOutcome outcome = send_one(flow, recorder);
    EXPECT_THAT(outcome.error,
                testing::AllOf(testing::HasSubstr("1400 bytes of payload"), testing::HasSubstr("MTU (1400 ")));
    EXPECT_EQ(outcome.sent.packets, 0U);
    flow.spec.size = 1372;
    flow.start = now<SenderClock>();
    EXPECT_EQ(send_one(flow, recorder).error, "");
  });
}

TEST(UdpSender, ABlockedSocketHoldsUpNoOther) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);  // nobody reads: full after a few packets
  const Socket blocked(ends[0]), silent(ends[1]);
  const Loopback path;
  Recorder recorders[2];
  UdpFlow stuck = flow_over(blocked, 0, 80ms);
  stuck.sink = &recorders[0];
  UdpFlow free = flow_over(path.sender, 1000, 40ms);
  free.sink = &recorders[1];
  Sending sending({stuck, free}, {.count = 1, .cpus = {}, .fifo_priority = 0});
  const UdpFlowOutcome outcome = sending.outcome(0);
  EXPECT_EQ(outcome.error, "");
  EXPECT_GE(outcome.sent.send_retries, 2U);
  EXPECT_EQ(outcome.sequences, recorders[0].sequences.size());
  EXPECT_EQ(sending.outcome(1).sent.packets, 40U);
}

}  // namespace
}  // namespace paceline::traffic
