// SPDX-License-Identifier: MIT
//
// TCP and connection flows by paceline::run() against paceline::serve(), over loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "decoder/totals.h"
#include "paceline/error.h"
#include "tests/unit/api/ends.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TcpFlowSpec short_tcp() {
  TcpFlowSpec tcp;
  tcp.duration = 300ms;
  tcp.interval = 50ms;
  return tcp;
}

RunSpec run_of(const Endpoint& receiver, const FlowSpec& flow) {
  RunSpec spec;
  spec.receiver = receiver;
  spec.flows = {flow};
  return spec;
}

TcpFlowResult measured(const RunSpec& spec, RunLog& log) { return std::get<TcpFlowResult>(run(spec, log).flows.at(0)); }

void expect_whole(const TcpFlowResult& flow) {
  EXPECT_TRUE(flow.complete) << flow.incomplete_reason;
  EXPECT_GT(flow.received, 0u);
  EXPECT_GE(flow.last_arrival, flow.first_arrival);
  EXPECT_GT(flow.last_arrival, 0ns);
  EXPECT_NE(flow.congestion, "");
  EXPECT_GT(flow.sender_cpu.elapsed, 0ns);
  EXPECT_GT(flow.receiver_cpu.elapsed, 0ns);
  EXPECT_EQ(flow.clock.verdict, ClockVerdict::same_host);
  for (const StreamResult& stream : flow.streams) {
    EXPECT_GT(stream.received, 0u);
    EXPECT_GT(stream.connect, 0ns);
    EXPECT_GT(stream.info.mss, 0u);
    EXPECT_EQ(stream.ended, "");
  }
}

class TcpRunTest : public testing::TestWithParam<std::tuple<const char*, Direction>> {
 protected:
  Endpoint at(const Receiver& receiver) const { return receiver.at(std::get<0>(GetParam())); }
  TcpFlowSpec flow() const {
    TcpFlowSpec tcp = short_tcp();
    tcp.direction = std::get<1>(GetParam());
    return tcp;
  }
};
INSTANTIATE_TEST_SUITE_P(Ways, TcpRunTest,
                         testing::Combine(testing::Values("127.0.0.1", "::1"),
                                          testing::Values(Direction::forward, Direction::reverse)),
                         [](const auto& way) {
                           return std::string(std::get<0>(way.param)[0] == ':' ? "Ipv6" : "Ipv4") +
                                  (std::get<1>(way.param) == Direction::forward ? "Forward" : "Reverse");
                         });

TEST_P(TcpRunTest, GivesAWholeResult) {
  Receiver receiver;
  RunLog log;
  const TcpFlowResult flow = measured(run_of(at(receiver), this->flow()), log);
  expect_whole(flow);
  ASSERT_EQ(flow.streams.size(), 1u);
  EXPECT_EQ(flow.path.dialled, to_string(Endpoint{std::get<0>(GetParam()), receiver.log.ports.second}));
  EXPECT_EQ(flow.path.seen_from, flow.streams[0].sent_from);
  EXPECT_GT(flow.path.first_packet, 0ns);
  ASSERT_EQ(flow.path.candidates.size(), 2u);
  EXPECT_EQ(flow.path.candidates[1].source, "signalling port");
  EXPECT_TRUE(log.one_thread);

  TcpFlowResult sum;
  sum.spec = flow.spec;
  for (const TcpInterval& row : log.tcp_intervals) {
    EXPECT_FALSE(row.one_sided);
    decoder::accumulate(sum, row);
  }
  EXPECT_EQ(sum.received, flow.received);
  EXPECT_EQ(sum.written, flow.written);
  EXPECT_EQ(sum.intervals, flow.intervals);
  EXPECT_EQ(sum.goodput, flow.goodput);
}

TEST_P(TcpRunTest, ManyStreamsCarryTheBytesThatWereAsked) {
  Receiver receiver;
  RunLog log;
  TcpFlowSpec tcp = flow();
  tcp.streams = 16;
  tcp.bytes = 16'000'000;
  tcp.duration = 1h;
  const TcpFlowResult flow = measured(run_of(at(receiver), tcp), log);
  expect_whole(flow);
  ASSERT_EQ(flow.streams.size(), 16u);
  EXPECT_EQ(flow.written, tcp.bytes);
  EXPECT_EQ(flow.received, tcp.bytes);
}

TEST_P(TcpRunTest, WorksThroughTheSignallingPortAlone) {
  Receiver receiver;
  RunLog log;
  RunSpec spec = run_of(at(receiver), flow());
  spec.data_port = receiver.log.ports.first;
  const TcpFlowResult flow = measured(spec, log);
  expect_whole(flow);
  EXPECT_EQ(flow.path.dialled, to_string(at(receiver)));
}

TEST_P(TcpRunTest, AStopLeavesAPartialResult) {
  Receiver receiver;
  RunLog log;
  std::stop_source stop;
  log.on_interval = [&] { stop.request_stop(); };
  TcpFlowSpec tcp = flow();
  tcp.duration = 1h;
  const RunResult result = run(run_of(at(receiver), tcp), log, stop.get_token());
  const auto& flow = std::get<TcpFlowResult>(result.flows.at(0));
  EXPECT_FALSE(flow.complete);
  EXPECT_EQ(flow.incomplete_reason, "stopped on request");
  EXPECT_GT(flow.received, 0u);
}

TEST_P(TcpRunTest, AReceiverThatStopsLeavesAPartialResult) {
  Receiver receiver;
  RunLog log;
  log.on_interval = [&] { receiver.request_stop(); };
  TcpFlowSpec tcp = flow();
  tcp.duration = 1h;
  const TcpFlowResult flow = measured(run_of(at(receiver), tcp), log);
  EXPECT_FALSE(flow.complete);
  EXPECT_THAT(flow.incomplete_reason, HasSubstr("the receiver was stopped"));
  EXPECT_GT(flow.received, 0u);
}

TEST(TcpRun, ABitrateAboveWhatThePathCarriesIsToldBesideWhatItDid) {
  Receiver receiver;
  RunLog log;
  TcpFlowSpec tcp = short_tcp();
  tcp.bitrate_bps = 9e12;
  const TcpFlowResult flow = measured(run_of(receiver.at(), tcp), log);
  expect_whole(flow);
  EXPECT_THAT(log.warnings, testing::Contains(HasSubstr("asked")));
}

TEST(TcpRun, ACongestionControlThatTheKernelLacksIsNamed) {
  Receiver receiver;
  RunLog log;
  TcpFlowSpec tcp = short_tcp();
  tcp.congestion = "nosuch";
  try {
    run(run_of(receiver.at(), tcp), log);
    FAIL();
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(), HasSubstr("nosuch"));
  }
}

TEST(TcpRun, AWrongDataPortIsNamedWithWhatBecameOfIt) {
  Receiver receiver;
  RunLog log;
  RunSpec spec = run_of(receiver.at(), short_tcp());
  spec.data_port = 1;
  try {
    run(spec, log);
    FAIL();
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(),
                testing::AllOf(HasSubstr("127.0.0.1:1 (user)"), HasSubstr("refused"), HasSubstr("--data-port")));
  }
}

TEST(TcpRun, ConnectionsLeaveFromTheSourceThatWasAsked) {
  Receiver receiver;
  RunLog log;
  RunSpec spec = run_of(receiver.at(), short_tcp());
  spec.source = "127.0.0.2";
  const TcpFlowResult flow = measured(spec, log);
  expect_whole(flow);
  EXPECT_THAT(flow.path.sent_from, StartsWith("127.0.0.2:"));
  EXPECT_EQ(flow.path.seen_from, flow.path.sent_from);
}

TEST(MixedRun, LatencyUnderLoadInBothDirections) {
  Receiver receiver;
  RunSpec spec = run_to(receiver.at());
  TcpFlowSpec forward = short_tcp(), reverse = short_tcp();
  reverse.direction = Direction::reverse;
  spec.flows = {spec.flows[0], forward, reverse};
  spec.title = "under load";
  RunLog log;
  const RunResult result = run(spec, log);
  EXPECT_EQ(result.title, "under load");
  EXPECT_TRUE(result.complete());
  EXPECT_EQ(udp(result).received.packets + static_cast<std::uint64_t>(udp(result).received.lost), 150u);
  expect_whole(std::get<TcpFlowResult>(result.flows[1]));
  expect_whole(std::get<TcpFlowResult>(result.flows[2]));
  EXPECT_TRUE(log.one_thread);
}

// ThreadSanitizer keeps each mapping apart from its neighbours, and the kernel allows 65,530. Under AddressSanitizer,
// compiled for speed of compiling, so many do not get their turn in a second.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kManyFlows = 1'000;
#else
constexpr std::size_t kManyFlows = RunSpec::kMaxFlows;
#endif

TEST(MixedRun, AsManyFlowsAsThereMayBe) {
  Receiver receiver;
  RunSpec spec = run_to(receiver.at(), 1s, 4);
  spec.flows.resize(kManyFlows, spec.flows[0]);
  RunLog log;
  const RunResult result = run(spec, log);
  ASSERT_EQ(result.flows.size(), kManyFlows);
  std::uint64_t sent = 0;
  for (std::size_t i = 0; i < result.flows.size(); ++i) {
    EXPECT_TRUE(udp(result, i).complete) << i << ": " << udp(result, i).incomplete_reason;
    // A machine that is slow for so many leaves some unsent, and says so.
    EXPECT_EQ(udp(result, i).sent.packets + udp(result, i).sent.missed_slots, 4u);
    sent += udp(result, i).sent.packets;
  }
  if (sent < kManyFlows) {
    EXPECT_THAT(log.warnings, testing::Contains(HasSubstr("longer than foreseen")));
  }
}

TEST(MixedRun, SourcePortsCountUpFromTheOneThatWasAsked) {
  Receiver receiver;
  RunSpec spec = run_to(receiver.at());
  TcpFlowSpec tcp = short_tcp();
  tcp.streams = 2;
  spec.flows = {spec.flows[0], tcp};
  spec.source_port = 22000;  // the kernel gives out others
  RunLog log;
  const RunResult result = run(spec, log);
  EXPECT_TRUE(result.complete());
  EXPECT_EQ(udp(result).path.sent_from, "127.0.0.1:22000");
  const auto& flow = std::get<TcpFlowResult>(result.flows[1]);
  ASSERT_EQ(flow.streams.size(), 2u);
  EXPECT_EQ(flow.streams[0].sent_from, "127.0.0.1:22001");
  EXPECT_EQ(flow.streams[1].sent_from, "127.0.0.1:22002");
}

class ConnectionRunTest : public testing::TestWithParam<Transport> {};
INSTANTIATE_TEST_SUITE_P(Transports, ConnectionRunTest, testing::Values(Transport::tcp, Transport::udp),
                         [](const auto& transport) { return std::string(to_string(transport.param)); });

TEST_P(ConnectionRunTest, EveryExchangeIsAccountedFor) {
  Receiver receiver;
  RunLog log;
  ConnectionFlowSpec connections;
  connections.transport = GetParam();
  connections.rate = 200;
  connections.duration = 300ms;
  connections.interval = 50ms;
  const RunResult result = run(run_of(receiver.at(), connections), log);
  const auto& flow = std::get<ConnectionFlowResult>(result.flows.at(0));
  EXPECT_TRUE(flow.complete) << flow.incomplete_reason;
  EXPECT_EQ(flow.exchanges.started + flow.exchanges.missed_slots, 60u);
  EXPECT_EQ(flow.exchanges.completed + flow.exchanges.failures(), flow.exchanges.started);
  EXPECT_EQ(flow.answered, flow.exchanges.completed);
  EXPECT_EQ(flow.exchanges.whole.count, flow.exchanges.completed);
  EXPECT_EQ(flow.exchanges.connect.count, GetParam() == Transport::tcp ? flow.exchanges.completed : 0);
  EXPECT_EQ(flow.path.dialled, to_string(Endpoint{"127.0.0.1", receiver.log.ports.second}));
  EXPECT_GE(log.connection_intervals.size(), 6u);
  EXPECT_TRUE(log.one_thread);
}

}  // namespace
}  // namespace paceline
