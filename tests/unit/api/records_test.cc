// SPDX-License-Identifier: MIT
//
// Flows of records over TCP, as an embedding program sees them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "paceline/error.h"
#include "tests/unit/api/ends.h"
#include "traffic/sctp.h"

namespace paceline {
namespace {

using testing::HasSubstr;

RunSpec records_to(const Endpoint& receiver, nanoseconds duration = 300ms, double rate = 500) {
  RunSpec spec = run_to(receiver, duration, rate);
  udp(spec).transport = Transport::tcp;
  return spec;
}

void expect_whole(const PacketFlowResult& flow) {
  EXPECT_TRUE(flow.complete) << flow.incomplete_reason;
  EXPECT_GT(flow.sent.packets, 0u);
  EXPECT_EQ(flow.received.packets, flow.sent.packets);
  EXPECT_EQ(flow.received.bytes, flow.sent.bytes);
  EXPECT_EQ(flow.received.lost, 0);
  EXPECT_EQ(flow.received.reordered, 0u);
  EXPECT_EQ(flow.statistics.segments[0].count, flow.sent.packets);
  EXPECT_EQ(flow.statistics.segments[1].count, flow.sent.packets);
  EXPECT_GE(flow.statistics.segments[0].min, 0);  // one clock
  EXPECT_EQ(flow.stamping.hook, Hook::none);
  EXPECT_NE(flow.stamping.reason, "");
}

class RecordFlowTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families, RecordFlowTest, testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return family.param[0] == ':' ? "Ipv6" : "Ipv4"; });

TEST_P(RecordFlowTest, GivesAWholeResult) {
  Receiver receiver;
  RunLog log;
  const RunResult result = run(records_to(receiver.at(GetParam())), log);
  ASSERT_EQ(result.flows.size(), 1u);
  expect_whole(udp(result));
  EXPECT_EQ(udp(result).sent.packets, 150u);
  EXPECT_EQ(udp(result).spec.transport, Transport::tcp);
  std::uint64_t in_rows = 0;
  ASSERT_EQ(log.intervals.size(), 1u);
  for (const PacketInterval& row : log.intervals[0]) in_rows += row.received.packets;
  EXPECT_EQ(in_rows, 150u);
  receiver.stop();
  EXPECT_EQ(receiver.log.finished, result.flows);  // both ends have the same
}

TEST_P(RecordFlowTest, EveryRecordComesBack) {
  Receiver receiver;
  RunLog log;
  RunSpec spec = records_to(receiver.at(GetParam()));
  udp(spec).meter = Meter::round_trip;
  const RunResult result = run(spec, log);
  expect_whole(udp(result));
  ASSERT_TRUE(udp(result).round_trip);
  const RoundTrip& back = *udp(result).round_trip;
  EXPECT_EQ(back.received.packets, 150u);
  EXPECT_EQ(back.received.lost, 0);
  EXPECT_EQ(back.received.missed, 0u);
  EXPECT_EQ(back.statistics.segments[0].count, 150u);
  EXPECT_GE(back.statistics.segments[0].min, udp(result).statistics.segments[0].min);
  std::uint64_t in_rows = 0;
  for (const PacketInterval& row : log.intervals.at(0)) {
    if (row.meter == Meter::round_trip) in_rows += row.received.packets;
  }
  EXPECT_EQ(in_rows, 150u);
}

TEST(RecordsTest, SizesAndGapsOfAModel) {
  Receiver receiver;
  RunLog log;
  RunSpec spec = records_to(receiver.at());
  udp(spec).size = 0;
  udp(spec).model.emplace();
  udp(spec).model->idt = parse_model("exponential:mean=2ms", Quantity::time);
  udp(spec).model->size = parse_model("uniform:min=18,max=9000", Quantity::bytes);
  udp(spec).seed = 3;
  const RunResult result = run(spec, log);
  expect_whole(udp(result));
  ASSERT_TRUE(udp(result).sent.drawn);
  EXPECT_GE(udp(result).sent.drawn->sizes, udp(result).sent.packets);
}

TEST(RecordsTest, ManyFlowsBesideUdpAndStreams) {
  Receiver receiver;
  RunLog log;
  RunSpec spec = records_to(receiver.at(), 300ms, 100);
  for (int i = 0; i < 20; ++i) spec.flows.push_back(spec.flows.front());
  PacketFlowSpec datagrams = udp(spec);
  datagrams.transport = Transport::udp;
  TcpFlowSpec stream;
  stream.duration = 300ms;
  spec.flows.emplace_back(datagrams);
  spec.flows.emplace_back(stream);
  const RunResult result = run(spec, log);
  EXPECT_TRUE(result.complete());
  for (std::size_t i = 0; i <= 20; ++i) {
    expect_whole(udp(result, i));
    EXPECT_EQ(udp(result, i).sent.packets, 30u);
  }
}

TEST(RecordsTest, WithoutARateAndByPackets) {
  Receiver receiver;
  RunLog log;
  RunSpec spec = records_to(receiver.at(), 20s, 0);
  udp(spec).packets = 20'000;
  const RunResult result = run(spec, log);
  expect_whole(udp(result));
  EXPECT_EQ(udp(result).sent.packets, 20'000u);
}

TEST(RecordsTest, WarmUpIsLeftOut) {
  Receiver receiver;
  RunLog log;
  RunSpec spec = records_to(receiver.at());
  udp(spec).omit = 100ms;
  const RunResult result = run(spec, log);
  const PacketFlowResult& flow = udp(result);
  EXPECT_TRUE(flow.complete) << flow.incomplete_reason;
  EXPECT_EQ(flow.sent.packets, 150u);
  EXPECT_EQ(flow.sent.omitted, 50u);
  // Rows go by arrival: what is under way as the warm-up ends is in the first one that counts.
  EXPECT_GE(flow.received.packets, 150u);
  EXPECT_LT(flow.received.packets, 200u);
  EXPECT_LE(flow.received.lost, 0);
}

TEST(RecordsTest, AStopGivesAPartialResult) {
  Receiver receiver;
  RunLog log;
  std::stop_source stop;
  log.on_interval = [&] { stop.request_stop(); };
  const RunResult result = run(records_to(receiver.at(), 60s), log, stop.get_token());
  EXPECT_FALSE(udp(result).complete);
  EXPECT_THAT(udp(result).incomplete_reason, HasSubstr("stopped on request"));
  EXPECT_GT(udp(result).received.packets, 0u);
  EXPECT_EQ(udp(result).received.packets, udp(result).sent.packets);
}

TEST(RecordsTest, AReceiverThatStopsGivesAPartialResult) {
  Receiver receiver;
  RunLog log;
  log.on_interval = [&] { receiver.request_stop(); };
  const RunResult result = run(records_to(receiver.at(), 60s), log);
  EXPECT_FALSE(udp(result).complete);
  EXPECT_NE(udp(result).incomplete_reason, "");
  EXPECT_GT(udp(result).received.packets, 0u);
}

TEST(RecordsTest, WithoutSctpASenderSaysSoBeforeItDialsAnybody) {
  if (traffic::sctp_refusal().empty()) GTEST_SKIP() << "this kernel has SCTP";
  RunLog log;
  RunSpec spec = records_to({"127.0.0.1", 1});  // nobody is there, which is not what goes wrong
  udp(spec).transport = Transport::sctp;
  try {
    run(spec, log);
    FAIL() << "it went through";
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(), HasSubstr("this kernel has no SCTP: load the sctp module"));
  }
  EXPECT_EQ(log.connected_to, "");
}

}  // namespace
}  // namespace paceline
