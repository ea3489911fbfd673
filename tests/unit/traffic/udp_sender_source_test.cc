// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "proto/packet.h"
#include "tests/unit/traffic/listed_source.h"
#include "tests/unit/traffic/sending.h"
#include "traffic/udp_sender.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

UdpFlow flow_of(const Socket& socket, std::vector<Slot> slots, nanoseconds duration) {
  UdpFlow flow = flow_over(socket, 1000, duration);
  flow.spec.size = 600;
  flow.source = std::make_shared<ListedSource>(std::move(slots));
  return flow;
}

TEST(UdpSender, SendsWhatTheSourceDraws) {
  const std::vector<Slot> slots{{0ms, 600}, {1ms, 18}, {1ms, 300}, {7ms, 64}, {7ms + 1ns, 600}};
  for (const Batching batching : {Batching::single, Batching::several, Batching::offload}) {
    SCOPED_TRACE(to_string(batching));
    const Loopback path;
    Recorder recorder;
    UdpFlow flow = flow_of(path.sender, slots, 1s);
    flow.spec.batching = batching;
    const UdpFlowOutcome outcome = send_one(flow, recorder);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.sent.packets, 5U);
    EXPECT_EQ(outcome.sent.bytes, 1582U);
    EXPECT_EQ(outcome.sent.due_span, 7ms + 1ns);
    EXPECT_EQ(outcome.sent.missed_slots, 0U);
    EXPECT_EQ(outcome.sent.batching, batching == Batching::single ? Batching::single : Batching::several);
    ASSERT_TRUE(outcome.sent.drawn.has_value());
    EXPECT_EQ(outcome.sent.drawn->sizes, 5U);
    const auto packets = path.received();
    ASSERT_EQ(packets.size(), slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
      EXPECT_EQ(packets[i].size(), slots[i].size);
      const auto header = packet::decode_header(packets[i]);
      ASSERT_TRUE(header.has_value());
      EXPECT_EQ(header->sequence, i);
      const SenderTime sent = flow.start + slots[i].due + nanoseconds{recorder.lateness[i]};
      EXPECT_EQ(header->send_time, static_cast<std::uint64_t>(sent.time_since_epoch().count()) & ((1ULL << 48) - 1));
      EXPECT_GE(recorder.lateness[i], 0);
    }
  }
}

TEST(UdpSender, ASourceOfEqualSizesIsOffloaded) {
  const Loopback path;
  Recorder recorder;
  UdpFlow flow = flow_of(path.sender, slots_of(60, 0ms, {600}), 1s);
  flow.spec.batching = Batching::offload;
  const UdpFlowOutcome outcome = send_one(flow, recorder);
  EXPECT_EQ(outcome.sent.batching, Batching::offload);
  EXPECT_EQ(outcome.sent.batch, 60U);  // all due at once
  EXPECT_EQ(outcome.sent.sends, 1U);
  EXPECT_EQ(path.received().size(), 60U);
}

TEST(UdpSender, EndsByPacketsOrBytesOfTheMeasuredPart) {
  for (const bool from_source : {false, true}) {
    for (const bool by_bytes : {false, true}) {
      SCOPED_TRACE(testing::Message() << (from_source ? "source" : "constant rate") << (by_bytes ? ", bytes" : ""));
      const Loopback path;
      Recorder recorder;
      UdpFlow flow = flow_over(path.sender, 2000, 10s);
      if (from_source) flow.source = std::make_shared<ListedSource>(slots_of(1000, 500us, {64}));
      flow.spec.omit = 10ms;
      (by_bytes ? flow.spec.bytes : flow.spec.packets) = by_bytes ? 29 * 64 + 1 : 30;
      const UdpFlowOutcome outcome = send_one(flow, recorder);
      EXPECT_EQ(outcome.sent.omitted, 20U);
      EXPECT_EQ(outcome.sent.packets, 30U);
      EXPECT_EQ(outcome.sent.missed_slots, 0U);
      EXPECT_EQ(outcome.sent.due_span, 29 * 500us);
      EXPECT_EQ(path.received().size(), 50U);
    }
  }
}

TEST(UdpSender, FlatOutEndsByPacketsOrBytes) {
  for (const Batching batching : {Batching::single, Batching::several}) {
    for (const bool by_bytes : {false, true}) {
      const Loopback path;
      Recorder recorder;
      UdpFlow flow = flow_over(path.sender, 0, 10s);
      flow.spec.batching = batching;
      (by_bytes ? flow.spec.bytes : flow.spec.packets) = by_bytes ? 299 * 64 + 1 : 300;
      const UdpFlowOutcome outcome = send_one(flow, recorder);
      EXPECT_EQ(outcome.sent.packets, 300U);
      EXPECT_EQ(outcome.sent.due_span, 0ns);
      EXPECT_EQ(path.received().size(), 300U);
    }
  }
}

TEST(UdpSender, WhatASourceHadLeftIsMissed) {
  const Loopback path;
  Recorder recorder;
  recorder.then = [](std::uint64_t sequence) {
    if (sequence == 10) std::this_thread::sleep_for(40ms);
  };
  UdpFlow flow = flow_of(path.sender, slots_of(10'000, 1ms, {64, 600}), 20ms);
  flow.overtime = 10ms;
  const UdpFlowOutcome outcome = send_one(flow, recorder);
  EXPECT_EQ(outcome.sent.packets, 11U);
  EXPECT_EQ(outcome.sent.missed_slots, 9U);
}

TEST(UdpSender, SkipLeavesOutWhatAStallCostASource) {
  const Loopback path;
  Recorder recorder;
  recorder.then = [](std::uint64_t sequence) {
    if (sequence == 10) std::this_thread::sleep_for(30ms);
  };
  UdpFlow flow = flow_of(path.sender, slots_of(60, 1ms, {64, 600}), 1s);
  flow.spec.late = LatePolicy::skip;
  const UdpFlowOutcome outcome = send_one(flow, recorder);
  EXPECT_GE(outcome.sent.missed_slots, 28U);
  EXPECT_EQ(outcome.sent.packets + outcome.sent.missed_slots, 60U);
}

TEST(UdpSender, SkipKeepsWhatIsDueAtOnce) {
  const Loopback path;
  Recorder recorder;
  std::vector<Slot> frames;
  for (int frame = 0; frame < 3; ++frame) frames.insert(frames.end(), 50, Slot{frame * 40ms, 600});
  UdpFlow flow = flow_of(path.sender, frames, 1s);
  flow.spec.late = LatePolicy::skip;
  const UdpFlowOutcome outcome = send_one(flow, recorder);
  EXPECT_EQ(outcome.sent.packets, 150U);
  EXPECT_EQ(outcome.sent.missed_slots, 0U);
}

TEST(UdpSender, AFlowThatWaitsLongHoldsUpNoOther) {
  const Loopback paths[2];
  Recorder recorders[2];
  UdpFlow sleeper = flow_of(paths[0].sender, {{0ms, 64}, {1h, 64}}, 2h);
  UdpFlow other = flow_over(paths[1].sender, 2000, 100ms);
  sleeper.sink = &recorders[0];
  other.sink = &recorders[1];
  Sending sending({sleeper, other}, {.count = 1, .cpus = {}, .fifo_priority = 0});
  EXPECT_EQ(sending.outcome(1).sent.packets, 200U);
  sending.stop(0);
  const UdpFlowOutcome outcome = sending.outcome(0);
  EXPECT_EQ(outcome.sent.packets, 1U);
  EXPECT_EQ(outcome.sent.missed_slots, 0U);  // what a stop leaves unsent was not missed
}

TEST(UdpSender, ATooLargePacketIsNamedWithItsSize) {
  in_own_network([](const OwnNetwork& network) {
    network.set_mtu(1400);
    const Loopback path;
    const int never = IP_PMTUDISC_DO;
    ASSERT_EQ(setsockopt(path.sender.get(), IPPROTO_IP, IP_MTU_DISCOVER, &never, sizeof never), 0);
    Recorder recorder;
    UdpFlow flow = flow_of(path.sender, {{0ms, 100}, {1ms, 1373}}, 1s);
    flow.spec.size = 1400;
    const UdpFlowOutcome outcome = send_one(flow, recorder);
    EXPECT_EQ(outcome.sent.packets, 1U);
    EXPECT_NE(outcome.error.find("1373 bytes"), std::string::npos) << outcome.error;
  });
}

}  // namespace
}  // namespace paceline::traffic
