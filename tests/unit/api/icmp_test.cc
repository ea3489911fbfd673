// SPDX-License-Identifier: MIT
//
// Echo requests to this host itself.
#include <gtest/gtest.h>

#include "paceline/error.h"
#include "tests/unit/api/ends.h"
#include "traffic/address.h"
#include "traffic/icmp_echo.h"

namespace paceline {
namespace {

/// Root, or whom net.ipv4.ping_group_range allows.
bool may_ping() {
  try {
    traffic::IcmpEcho(traffic::Address::parse("127.0.0.1", 0), {});
    return true;
  } catch (const SetupError&) {
    return false;
  }
}

class Icmp : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families, Icmp, testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return family.param[0] == ':' ? "Ipv6" : "Ipv4"; });

RunSpec ping(const std::string& host) {
  RunSpec spec = run_to({host, 9000});
  auto& flow = std::get<PacketFlowSpec>(spec.flows[0]);
  flow.transport = Transport::icmp;
  flow.meter = Meter::round_trip;
  return spec;
}

TEST_P(Icmp, EveryRequestComesBack) {
  if (!may_ping()) GTEST_SKIP() << "needs CAP_NET_RAW or net.ipv4.ping_group_range";
  RunLog log;
  const RunResult result = run(ping(GetParam()), log);
  const PacketFlowResult& flow = udp(result);
  ASSERT_TRUE(flow.complete) << flow.incomplete_reason;
  EXPECT_EQ(flow.received, Received{}) << "nobody measures at the other end";
  ASSERT_TRUE(flow.round_trip);
  EXPECT_EQ(flow.round_trip->received.packets, flow.sent.packets);
  EXPECT_EQ(flow.round_trip->received.lost, 0);
  EXPECT_EQ(flow.round_trip->received.bytes, flow.sent.packets * flow.spec.size);
  EXPECT_EQ(flow.round_trip->statistics.segments[0].count, flow.sent.packets);
  EXPECT_GT(flow.round_trip->statistics.segments[0].min, 0);
  EXPECT_GT(flow.path.first_packet, 0ns);
  EXPECT_EQ(flow.path.dialled, GetParam());
  EXPECT_EQ(log.connected_to, "") << "no receiver is asked";
  std::uint64_t in_rows = 0;
  for (const PacketInterval& row : log.intervals.at(0)) {
    EXPECT_EQ(row.meter, Meter::round_trip);
    in_rows += row.received.packets;
  }
  EXPECT_EQ(in_rows, flow.sent.packets);
}

TEST_P(Icmp, DrawnSizesComeBack) {
  if (!may_ping()) GTEST_SKIP() << "needs CAP_NET_RAW or net.ipv4.ping_group_range";
  RunSpec spec = ping(GetParam());
  auto& flow = std::get<PacketFlowSpec>(spec.flows[0]);
  flow.size = 0;
  flow.model.emplace();
  flow.model->idt = parse_model("exponential:mean=2ms", Quantity::time);
  flow.model->size = parse_model("uniform:min=18,max=1401", Quantity::bytes);
  flow.payload = Payload::random;
  RunLog log;
  const RunResult result = run(spec, log);
  ASSERT_TRUE(udp(result).complete) << udp(result).incomplete_reason;
  EXPECT_EQ(udp(result).round_trip->received.packets, udp(result).sent.packets);
  EXPECT_EQ(udp(result).round_trip->received.bytes, udp(result).sent.bytes);
  EXPECT_EQ(udp(result).round_trip->received.invalid, 0u);
}

TEST(IcmpRun, BesideFlowsThatAReceiverTakes) {
  if (!may_ping()) GTEST_SKIP() << "needs CAP_NET_RAW or net.ipv4.ping_group_range";
  Receiver receiver;
  RunSpec spec = ping("127.0.0.1");
  spec.flows.push_back(run_to(receiver.at()).flows[0]);
  spec.elsewhere[1] = {receiver.at(), std::nullopt};
  RunLog log;
  const RunResult result = run(spec, log);
  EXPECT_TRUE(result.complete());
  EXPECT_EQ(result.receiver, result.sender) << "of the flow that has one";
}

}  // namespace
}  // namespace paceline
