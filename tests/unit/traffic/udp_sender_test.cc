// SPDX-License-Identifier: MIT
#include "traffic/udp_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "proto/packet.h"
#include "tests/unit/traffic/sending.h"
#include "traffic/clock_source.h"
#include "traffic/cpu.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

TEST(UdpSender, SendsEverySlotWithItsHeader) {
  for (const Pacing pacing : {Pacing::sleep, Pacing::hybrid, Pacing::busy}) {
    SCOPED_TRACE(to_string(pacing));
    const Loopback path;
    Recorder recorder;
    UdpFlow flow = flow_over(path.sender, 2000, 50ms);
    flow.spec.pacing = pacing;
    const UdpFlowOutcome outcome = send_one(flow, recorder);
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
    EXPECT_EQ(outcome.sent.span, 99 * 500us + nanoseconds{recorder.lateness.back() - recorder.lateness.front()});
    EXPECT_EQ(outcome.sequences, 100U);
    EXPECT_EQ(outcome.sent.omitted, 0U);
    EXPECT_EQ(outcome.sent.sends, 100U);
    EXPECT_EQ(outcome.sent.batching, Batching::single);
    EXPECT_EQ(outcome.sent.batch, 1U);
  }
}

TEST(UdpSender, HybridBecomesSleepOnASingleCpu) {
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    const Loopback path;
    Recorder recorder;
    EXPECT_EQ(send_one(flow_over(path.sender, 1000, 5ms), recorder).sent.pacing, Pacing::sleep);
  }).join();
}

TEST(UdpSender, AStallIsCaughtUpWithAndTold) {
  const Loopback path;
  Recorder recorder;
  recorder.then = [](std::uint64_t sequence) {
    if (sequence == 10) std::this_thread::sleep_for(30ms);
  };
  const UdpFlowOutcome outcome = send_one(flow_over(path.sender, 1000, 60ms), recorder);
  EXPECT_EQ(outcome.sent.packets, 60U);
  EXPECT_EQ(outcome.sent.missed_slots, 0U);
  EXPECT_EQ(recorder.sequences, first_numbers(60));
  EXPECT_GE(recorder.lateness[11], 28'000'000);  // due 1 ms after the stall began, less what slot 10 was late
  EXPECT_GE(recorder.lateness[20], 19'000'000);
  EXPECT_EQ(path.received().size(), 60U);
}

TEST(UdpSender, SkipDropsTheSlotsThatAStallCost) {
  const Loopback path;
  Recorder recorder;
  recorder.then = [](std::uint64_t sequence) {
    if (sequence == 10) std::this_thread::sleep_for(30ms);
  };
  UdpFlow flow = flow_over(path.sender, 1000, 60ms);
  flow.spec.late = LatePolicy::skip;
  const UdpFlowOutcome outcome = send_one(flow, recorder);
  EXPECT_GE(outcome.sent.missed_slots, 28U);
  EXPECT_EQ(outcome.sent.packets + outcome.sent.missed_slots, 60U);
  EXPECT_EQ(recorder.sequences, first_numbers(outcome.sent.packets));  // no gap that would look like loss
  for (const std::int64_t lateness : recorder.lateness) EXPECT_LT(lateness, 1'000'000);
}

TEST(UdpSender, WhatTheOvertimeCannotServeIsMissed) {
  const Loopback path;
  Recorder recorder;
  UdpFlow flow = flow_over(path.sender, PacketFlowSpec::kMaxRate, 20ms);  // a packet in 10 ns: no machine sends that
  flow.overtime = 100ms;
  const UdpFlowOutcome outcome = send_one(flow, recorder);
  EXPECT_EQ(outcome.error, "");
  EXPECT_GT(outcome.sent.packets, 0U);
  EXPECT_GT(outcome.sent.missed_slots, 0U);
  EXPECT_EQ(outcome.sent.packets + outcome.sent.missed_slots, 2'000'000U);
  EXPECT_LT(recorder.lateness.back(), (flow.spec.duration + flow.overtime).count());
}

TEST(UdpSender, AStopEndsTheFlowNormally) {
  const Loopback path;
  Recorder recorder;
  UdpFlow flow = flow_over(path.sender, 1000, 60s);
  flow.sink = &recorder;
  std::promise<Sending*> under_way;
  recorder.then = [&](std::uint64_t sequence) {
    if (sequence == 4) under_way.get_future().get()->stop(0);
  };
  Sending sending({flow});
  under_way.set_value(&sending);
  const UdpFlowOutcome outcome = sending.outcome(0);
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.sent.packets, 5U);
  EXPECT_EQ(outcome.sent.missed_slots, 0U);
}

TEST(UdpSender, AStopEndsAWaitForASlowFlowAndLeavesTheOthers) {
  const Loopback path, other_path;
  Recorder recorder, other_recorder;
  UdpFlow slow = flow_over(path.sender, 0.01, 1h);
  slow.sink = &recorder;
  UdpFlow other = flow_over(other_path.sender, 1000, 100ms);
  other.sink = &other_recorder;
  std::promise<void> began;
  recorder.then = [&](std::uint64_t) { began.set_value(); };
  Sending sending({slow, other}, {.count = 1, .cpus = {}, .fifo_priority = 0});
  began.get_future().wait();
  sending.stop(0);
  EXPECT_EQ(sending.outcome(0).sent.packets, 1U);  // the next one is due after 100 s
  EXPECT_EQ(sending.outcome(1).sent.packets, 100U);
}

TEST(UdpSender, DestructionStopsWhatStillRuns) {
  const Loopback path;
  std::atomic<int> ended = 0;
  {
    const UdpFlow slow = flow_over(path.sender, 0.01, 1h);
    UdpFlow fast = slow;
    fast.spec.rate_pps = 0;
    UdpSender sender({slow, fast, slow}, {}, [&](std::size_t, UdpFlowOutcome&& outcome) {
      EXPECT_EQ(outcome.error, "");
      ++ended;
    });
  }
  EXPECT_EQ(ended, 3);
}

TEST(UdpSender, TheWarmUpIsSentButNotCounted) {
  for (const double rate : {2000.0, 0.0}) {
    SCOPED_TRACE(rate);
    const Loopback path;
    Recorder recorder;
    UdpFlow flow = flow_over(path.sender, rate, 60ms);
    flow.spec.omit = 60ms;
    const UdpFlowOutcome outcome = send_one(flow, recorder);
    EXPECT_EQ(outcome.error, "");
    if (rate > 0) {
      EXPECT_EQ(outcome.sent.omitted, 120U);
      EXPECT_EQ(outcome.sent.packets, 120U);
    } else {
      EXPECT_LT(outcome.sent.span, flow.spec.duration);
    }
    EXPECT_GT(outcome.sent.omitted, 0U);
    EXPECT_GT(outcome.sent.packets, 0U);
    EXPECT_EQ(outcome.sequences, outcome.sent.omitted + outcome.sent.packets);
    EXPECT_EQ(outcome.sent.bytes, 64 * outcome.sent.packets);
    EXPECT_EQ(outcome.sent.sends, outcome.sent.packets);
    ASSERT_EQ(recorder.sequences.size(), outcome.sent.packets);
    EXPECT_EQ(recorder.sequences.front(), outcome.sent.omitted);
    EXPECT_EQ(recorder.sequences.back() + 1, outcome.sequences);
  }
}

TEST(UdpSender, FlatOutHasNoLatenessAndEndsInTime) {
  const Loopback path;
  Recorder recorder;
  const UdpFlow flow = flow_over(path.sender, 0, 60ms);
  const UdpFlowOutcome outcome = send_one(flow, recorder);
  EXPECT_EQ(outcome.error, "");
  EXPECT_GT(outcome.sent.packets, 1U);
  EXPECT_EQ(outcome.sent.missed_slots, 0U);
  EXPECT_LT(outcome.sent.span, 60ms);
  EXPECT_EQ(recorder.sequences, first_numbers(outcome.sent.packets));
  for (const std::int64_t lateness : recorder.lateness) ASSERT_EQ(lateness, 0);
}

TEST(UdpSender, ManyFlowsEachKeepTheirOwnCount) {
  for (const std::uint32_t workers : {1U, 2U}) {
    SCOPED_TRACE(workers);
    constexpr std::size_t kFlows = 50;
    const std::vector<Loopback> paths(kFlows);
    std::vector<Recorder> recorders(kFlows);
    std::vector<UdpFlow> flows;
    for (std::size_t i = 0; i < kFlows; ++i) {
      flows.push_back(flow_over(paths[i].sender, i % 5 == 0 ? 10'000 : 12'000, 10ms));  // more than one worker's
      flows[i].flow_id = static_cast<std::uint32_t>(i);
      flows[i].sink = &recorders[i];
    }
    Sending sending(flows, {.count = workers, .cpus = {}, .fifo_priority = 0});
    for (std::size_t i = 0; i < kFlows; ++i) {
      const UdpFlowOutcome outcome = sending.outcome(i);
      EXPECT_EQ(outcome.error, "");
      EXPECT_EQ(outcome.sent.packets, i % 5 == 0 ? 100U : 120U);
      EXPECT_EQ(recorders[i].sequences, first_numbers(outcome.sent.packets));
      const auto packets = paths[i].received();
      ASSERT_EQ(packets.size(), outcome.sent.packets);
      for (const auto& packet : packets) EXPECT_EQ(packet::decode_header(packet)->flow_id, i);
    }
  }
}

TEST(UdpSender, SlowFlowsShareAWorkerThatMaySpin) {
  const Loopback paths[2];
  Sending sending({flow_over(paths[0].sender, 500, 20ms), flow_over(paths[1].sender, 700, 20ms)});
  const Pacing alone = affordable_pacing(Pacing::hybrid, usable_cpus(), 1);
  EXPECT_EQ(sending.outcome(0).sent.pacing, alone);
  EXPECT_EQ(sending.outcome(1).sent.pacing, alone);
}

TEST(UdpSender, HybridBecomesSleepWhenEveryCpuIsTaken) {
  const Loopback path;
  std::vector<UdpFlow> flows(1 + usable_cpus(), flow_over(path.sender, 0, 5ms));  // flat out, but for one
  flows.front().spec.rate_pps = 1000;
  Sending sending(flows);
  EXPECT_EQ(sending.outcome(0).sent.pacing, Pacing::sleep);
}

TEST(UdpSender, FlatOutFlowsOfOneWorkerTakeTurns) {
  const Loopback paths[3];
  std::vector<Recorder> recorders(3);
  std::vector<UdpFlow> flows;
  for (std::size_t i = 0; i < 3; ++i) {
    flows.push_back(flow_over(paths[i].sender, 0, 60ms));
    flows[i].start = flows[0].start;
    flows[i].sink = &recorders[i];
  }
  Sending sending(flows, {.count = 1, .cpus = {}, .fifo_priority = 0});
  std::vector<std::uint64_t> packets;
  for (std::size_t i = 0; i < 3; ++i) packets.push_back(sending.outcome(i).sent.packets);
  const auto [least, most] = std::minmax_element(packets.begin(), packets.end());
  EXPECT_GT(*least, 0U);
  EXPECT_LE(*most - *least, 2U);
}

TEST(UdpSender, SaysWhatTheWorkersLack) {
  const Loopback path;
  const UdpFlow flow = flow_over(path.sender, 1000, 2ms);
  Sending sending({flow, flow}, {.count = 2, .cpus = {65'535}, .fifo_priority = 0});
  EXPECT_THAT(sending.warnings(), testing::ElementsAre("CPU 65535: Invalid argument"));
  EXPECT_EQ(sending.outcome(0).sent.packets, 2U);
}

TEST(UdpSender, NoFlowsAreSentAtOnce) {
  const UdpSender sender({}, {}, [](std::size_t, UdpFlowOutcome&&) { FAIL(); });
  EXPECT_TRUE(sender.warnings().empty());
}

}  // namespace
}  // namespace paceline::traffic
