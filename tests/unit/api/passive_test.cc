// SPDX-License-Identifier: MIT
//
// Runs that wait for a receiver that dials in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>

#include "paceline/error.h"
#include "tests/unit/api/ends.h"
#include "tests/unit/closed_port.h"

namespace paceline {
namespace {

using testing::HasSubstr;

class Passive : public testing::TestWithParam<const char*> {
 protected:
  ReceiverSpec dialler() const {
    ReceiverSpec spec;
    spec.dial = {{GetParam(), port_}};
    spec.dial_only = true;
    return spec;
  }
  RunSpec waiting() const {
    RunSpec spec = run_to({"", 9000});
    spec.listen = port_;
    spec.dial_limit = 20s;
    return spec;
  }

  const ClosedPort reserved_{"::", SOCK_STREAM};
  std::uint16_t port_ = reserved_.port();
};
INSTANTIATE_TEST_SUITE_P(Families, Passive, testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return family.param[0] == ':' ? "Ipv6" : "Ipv4"; });

TEST_P(Passive, PacketsGoToTheReceiverThatDialledIn) {
  Receiver receiver(dialler());
  EXPECT_EQ(receiver.log.ports.first, 0) << "nobody may dial in";
  RunLog log;
  const RunResult result = run(waiting(), log);
  ASSERT_TRUE(result.complete());
  EXPECT_EQ(udp(result).received.packets, 150u);
  ASSERT_EQ(udp(result).path.candidates.size(), 1u);
  EXPECT_EQ(udp(result).path.candidates[0].source, "knock");
  EXPECT_EQ(udp(result).path.dialled, to_string(Endpoint{GetParam(), receiver.log.ports.second}));
}

TEST_P(Passive, StreamsGoOverConnectionsThatTheReceiverOpens) {
  Receiver receiver(dialler());
  for (const Direction direction : {Direction::forward, Direction::reverse}) {
    RunSpec spec = waiting();
    TcpFlowSpec streams;
    streams.streams = 4;
    streams.bytes = 4'000'000;
    streams.duration = 20s;
    streams.direction = direction;
    spec.flows = {streams};
    RunLog log;
    const RunResult result = run(spec, log);
    ASSERT_TRUE(result.complete()) << std::get<TcpFlowResult>(result.flows[0]).incomplete_reason;
    EXPECT_EQ(std::get<TcpFlowResult>(result.flows[0]).received, 4'000'000u);
  }
}

TEST(PassiveRun, NobodyDialsIn) {
  RunSpec spec = run_to({"", 9000});
  const ClosedPort reserved("::", SOCK_STREAM);
  spec.listen = reserved.port();
  spec.dial_limit = 50ms;
  RunLog log;
  try {
    run(spec, log);
    FAIL();
  } catch (const SetupError& error) {
    EXPECT_EQ(log.waited_at, *spec.listen);
    EXPECT_THAT(error.what(), HasSubstr("in 0.05 s"));
    EXPECT_THAT(error.what(), HasSubstr("paceline-recv --dial THIS_HOST:" + std::to_string(*spec.listen)));
  }
}

TEST(PassiveRun, APortInUseIsASetupError) {
  RunSpec spec = run_to({"", 9000});
  Receiver receiver;
  spec.listen = receiver.at().port;
  RunLog log;
  EXPECT_THROW(run(spec, log), SetupError);
}

TEST(PassiveRun, WhatHasNoWayInIsRefusedByName) {
  RunLog log;
  const auto refusal = [&](const FlowSpec& flow) -> std::string {
    RunSpec spec = run_to({"", 9000});
    spec.listen = 8997;
    spec.flows = {flow};
    try {
      run(spec, log);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal(ConnectionFlowSpec{}), HasSubstr("connections"));
  PacketFlowSpec packets;
  packets.transport = Transport::sctp;
  EXPECT_THAT(refusal(packets), HasSubstr("sctp"));
  packets.transport = Transport::icmp;
  packets.meter = Meter::round_trip;
  EXPECT_THAT(refusal(packets), HasSubstr("icmp"));
}

TEST(PassiveReceiver, NobodyToDialAndDialOnlyIsAUsageError) {
  ReceiverSpec spec;
  spec.dial_only = true;
  ServeLog log;
  EXPECT_THROW(serve(spec, log), UsageError);
}

}  // namespace
}  // namespace paceline
