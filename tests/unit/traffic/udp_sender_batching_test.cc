// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstdint>
#include <thread>

#include "proto/packet.h"
#include "tests/unit/traffic/sending.h"
#include "traffic/udp_sender.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

TEST(UdpSender, BatchesCarryEveryHeader) {
  for (const char* host : {"127.0.0.1", "::1"}) {
    for (const Batching batching : {Batching::several, Batching::offload}) {
      SCOPED_TRACE(testing::Message() << host << " " << to_string(batching));
      const Loopback path(host);
      Recorder recorder;
      UdpFlow flow = flow_over(path.sender, 20'000, 30ms);
      flow.spec.batching = batching;
      flow.spec.omit = 10ms;
      const UdpFlowOutcome outcome = send_one(flow, recorder);
      EXPECT_EQ(outcome.error, "");
      EXPECT_EQ(outcome.sent.omitted, 200U);
      EXPECT_EQ(outcome.sent.packets, 600U);
      EXPECT_EQ(outcome.sent.batching, batching);
      EXPECT_EQ(outcome.sent.batch, 20U);  // due in 1 ms
      EXPECT_EQ(outcome.sent.sends, 30U);

      const auto packets = path.received();
      ASSERT_EQ(packets.size(), 800U);
      for (std::size_t i = 0; i < packets.size(); ++i) {
        ASSERT_EQ(packets[i].size(), 64U);
        const auto header = packet::decode_header(packets[i]);
        ASSERT_TRUE(header.has_value());
        ASSERT_EQ(header->flow_id, 0xCAFE1234U);
        ASSERT_EQ(header->sequence, i);
        if (i < 200) continue;
        const std::int64_t lateness = recorder.lateness[i - 200];
        ASSERT_EQ(header->lateness, packet::encode_lateness(lateness));
        ASSERT_GE(lateness, (19 - static_cast<std::int64_t>(i) % 20) * 50'000);  // until the batch's last was due
        const SenderTime sent = flow.start + i * 50us + nanoseconds{lateness};
        ASSERT_EQ(header->send_time, static_cast<std::uint64_t>(sent.time_since_epoch().count()) & ((1ULL << 48) - 1));
      }
    }
  }
}

TEST(UdpSender, ABatchIsNoLargerThanAsked) {
  const Loopback path;
  Recorder recorder;
  UdpFlow flow = flow_over(path.sender, 20'000, 10ms);
  flow.spec.batching = Batching::several;
  flow.spec.batch = 7;
  const UdpFlowOutcome outcome = send_one(flow, recorder);
  EXPECT_EQ(outcome.sent.packets, 200U);
  EXPECT_EQ(outcome.sent.batch, 7U);
  EXPECT_EQ(outcome.sent.sends, 29U);
}

TEST(UdpSender, ASlowFlowsDatagramsDoNotWaitForABatch) {
  const Loopback path;
  Recorder recorder;
  UdpFlow flow = flow_over(path.sender, 500, 20ms);
  flow.spec.batching = Batching::several;
  flow.spec.batch = 8;
  const UdpFlowOutcome outcome = send_one(flow, recorder);
  EXPECT_EQ(outcome.sent.packets, 10U);
  EXPECT_EQ(outcome.sent.batch, 1U);
  EXPECT_EQ(outcome.sent.sends, 10U);
}

TEST(UdpSender, OffloadGivesWayWhereASegmentIsLargerThanTheMtu) {
  in_own_network([](const OwnNetwork& network) {
    network.set_mtu(1400);
    const Loopback path;
    Recorder recorder;
    UdpFlow flow = flow_over(path.sender, 10'000, 10ms);
    flow.spec.size = 2000;  // travels in fragments
    flow.spec.batching = Batching::offload;
    const UdpFlowOutcome outcome = send_one(flow, recorder);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.sent.batching, Batching::several);
    EXPECT_EQ(outcome.sent.packets, 100U);
    EXPECT_EQ(outcome.sent.send_errors, 0U);
    EXPECT_EQ(path.received().size(), 100U);
  });
}

TEST(UdpSender, SkipDropsWholeBatches) {
  const Loopback path;
  Recorder recorder;
  recorder.then = [](std::uint64_t sequence) {
    if (sequence == 99) std::this_thread::sleep_for(30ms);
  };
  UdpFlow flow = flow_over(path.sender, 10'000, 60ms);
  flow.spec.batching = Batching::several;
  flow.spec.late = LatePolicy::skip;
  const UdpFlowOutcome outcome = send_one(flow, recorder);
  EXPECT_GE(outcome.sent.missed_slots, 280U);
  EXPECT_EQ(outcome.sent.packets + outcome.sent.missed_slots, 600U);
  EXPECT_EQ(recorder.sequences, first_numbers(outcome.sent.packets));
}

}  // namespace
}  // namespace paceline::traffic
