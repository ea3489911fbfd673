// SPDX-License-Identifier: MIT
//
// Runs whose flows go to several receivers, or start later than the run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "paceline/error.h"
#include "tests/unit/api/ends.h"

namespace paceline {
namespace {

using testing::HasSubstr;

/// Two flows, the second one to another receiver.
RunSpec to_both(const Receiver& first, const Receiver& second) {
  RunSpec spec = run_to(first.at());
  spec.flows.push_back(spec.flows[0]);
  spec.elsewhere[1] = {second.at(), std::nullopt};
  return spec;
}

TEST(Receivers, EachTakesItsFlows) {
  Receiver first, second;
  RunLog log;
  const RunResult result = run(to_both(first, second), log);
  ASSERT_TRUE(result.complete());
  for (const Receiver* receiver : {&first, &second}) EXPECT_EQ(receiver->log.started.size(), 1u);
  EXPECT_EQ(udp(result, 1).path.dialled, to_string(Endpoint{"127.0.0.1", second.log.ports.second}));
  EXPECT_EQ(udp(result, 1).received.packets, udp(result, 1).sent.packets);
}

TEST(Receivers, FlowsToOneShareASession) {
  Receiver first, second;
  RunSpec spec = to_both(first, second);
  spec.flows.resize(5, spec.flows[0]);
  spec.elsewhere[4] = spec.elsewhere[1];
  RunLog log;
  EXPECT_TRUE(run(spec, log).complete());
  EXPECT_EQ(first.log.opened, 1);
  EXPECT_EQ(second.log.opened, 1);
  EXPECT_EQ(second.log.started.size(), 2u);
}

TEST(Receivers, OneThatIsNotThereIsNamedBeforeAnythingIsSent) {
  Receiver first;
  Endpoint gone;
  {
    const Receiver second;
    gone = second.at();
  }
  RunSpec spec = run_to(first.at());
  spec.flows.push_back(spec.flows[0]);
  spec.elsewhere[1] = {gone, std::nullopt};
  RunLog log;
  try {
    run(spec, log);
    FAIL();
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(), HasSubstr(to_string(gone)));
  }
  EXPECT_TRUE(first.log.started.empty());
}

TEST(Receivers, OneThatStopsLeavesTheOthersAlone) {
  Receiver first, second;
  RunSpec spec = to_both(first, second);
  for (FlowSpec& flow : spec.flows) std::get<PacketFlowSpec>(flow).duration = 1s;
  RunLog log;
  log.on_interval = [&] { second.request_stop(); };
  const RunResult result = run(spec, log);
  EXPECT_TRUE(udp(result, 0).complete) << udp(result, 0).incomplete_reason;
  EXPECT_FALSE(udp(result, 1).complete);
  EXPECT_NE(udp(result, 1).incomplete_reason, "");
}

TEST(Receivers, AFlowThatIsNotThereIsAUsageError) {
  RunSpec spec = run_to({"127.0.0.1", 9});
  spec.elsewhere[1] = {{"127.0.0.1", 9}, std::nullopt};
  RunLog log;
  EXPECT_THROW(run(spec, log), UsageError);
}

TEST(Delay, AFlowStartsSoMuchLater) {
  Receiver receiver;
  RunSpec spec = run_to(receiver.at());
  spec.flows.push_back(spec.flows[0]);
  TcpFlowSpec tcp;
  tcp.delay = 300ms;
  tcp.bytes = 100'000;
  tcp.duration = 1s;
  spec.flows.push_back(tcp);
  std::get<PacketFlowSpec>(spec.flows[1]).delay = 500ms;
  RunLog log;
  const auto begun = std::chrono::steady_clock::now();
  const RunResult result = run(spec, log);
  EXPECT_TRUE(result.complete());
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 500ms + udp(result, 1).spec.duration);
  for (const std::size_t flow : {0u, 1u}) {
    EXPECT_EQ(udp(result, flow).received.packets, udp(result, flow).sent.packets);
    EXPECT_LT(udp(result, flow).first_arrival, 200ms) << "counted from the flow's own start";
  }
}

TEST(Delay, AFlowThatIsStoppedBeforeItsStartHasSentNothing) {
  Receiver receiver;
  RunSpec spec = run_to(receiver.at());
  spec.flows.push_back(spec.flows[0]);  // its first row shows that the run has begun
  udp(spec, 0).delay = std::chrono::hours(1);
  udp(spec, 1).duration = std::chrono::hours(1);
  udp(spec, 1).interval = 10ms;
  RunLog log;
  std::stop_source stop;
  log.on_interval = [&] { stop.request_stop(); };
  const RunResult result = run(spec, log, stop.get_token());
  EXPECT_EQ(udp(result).sent.packets, 0u);
  EXPECT_FALSE(udp(result).complete);
  EXPECT_THAT(udp(result).incomplete_reason, HasSubstr("stopped"));
}

TEST(Slices, AreJudgedAtTheEnd) {
  Receiver receiver;
  RunSpec spec = run_to(receiver.at());
  spec.slices.push_back({"urgent", {0}, {parse_objective("delay p99 < 10s"), parse_objective("delay mean < 1ns")}});
  RunLog log;
  const RunResult result = run(spec, log);
  ASSERT_EQ(result.slices.size(), 1u);
  ASSERT_EQ(result.slices[0].objectives.size(), 2u);
  EXPECT_TRUE(result.slices[0].objectives[0].met);
  EXPECT_FALSE(result.slices[0].objectives[1].met);
}

}  // namespace
}  // namespace paceline
