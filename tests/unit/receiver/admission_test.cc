// SPDX-License-Identifier: MIT
#include "receiver/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paceline::receiver {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

TcpFlowSpec tcp(double bitrate_bps, std::uint32_t streams = 1) {
  TcpFlowSpec spec;
  spec.bitrate_bps = bitrate_bps;
  spec.streams = streams;
  return spec;
}

PacketFlowSpec packets(double rate_pps, std::uint32_t size = 512) {
  PacketFlowSpec spec;
  spec.rate_pps = rate_pps;
  spec.size = size;
  return spec;
}

ConnectionFlowSpec exchanges(double rate) {
  ConnectionFlowSpec spec;
  spec.rate = rate;
  return spec;
}

template <class Spec>
Spec lasting(nanoseconds omit, nanoseconds duration) {
  Spec spec;
  spec.omit = omit;
  spec.duration = duration;
  return spec;
}

TEST(Admission, WithoutLimitsOfRatesFlowsMayGoFlatOut) {
  const ReceiverLimits limits;
  EXPECT_THAT(beyond_limits(packets(0), limits), IsEmpty());
  EXPECT_THAT(beyond_limits(tcp(0), limits), IsEmpty());
  EXPECT_THAT(beyond_limits(ConnectionFlowSpec{}, limits), IsEmpty());
}

TEST(Admission, ARateAboveTheLimitIsRefusedByName) {
  const ReceiverLimits limits{.rate_pps = 1000};
  EXPECT_THAT(beyond_limits(packets(1000), limits), IsEmpty());
  EXPECT_THAT(beyond_limits(packets(1001), limits), AllOf(HasSubstr("1001"), HasSubstr("(rate)")));
  EXPECT_THAT(beyond_limits(packets(0), limits), AllOf(HasSubstr("as fast as can be"), HasSubstr("(rate)")));
  EXPECT_THAT(beyond_limits(TcpFlowSpec{}, limits), IsEmpty());
  EXPECT_THAT(beyond_limits(exchanges(1000), limits), IsEmpty());
  EXPECT_THAT(beyond_limits(exchanges(1001), limits), HasSubstr("(rate)"));
  EXPECT_THAT(beyond_limits(exchanges(0), limits), HasSubstr("as fast as can be"));
}

TEST(Admission, ABitrateIsOfPayload) {
  const ReceiverLimits limits{.bitrate_bps = 8e6};
  EXPECT_THAT(beyond_limits(packets(1000, 1000), limits), IsEmpty());
  EXPECT_THAT(beyond_limits(packets(1000, 1001), limits), HasSubstr("(bitrate)"));
  EXPECT_THAT(beyond_limits(packets(0), limits), HasSubstr("as fast as can be"));
  EXPECT_THAT(beyond_limits(tcp(8e6), limits), IsEmpty());
  EXPECT_THAT(beyond_limits(tcp(8.1e6), limits), HasSubstr("(bitrate)"));
  EXPECT_THAT(beyond_limits(TcpFlowSpec{}, limits), HasSubstr("as fast as can be"));
}

TEST(Admission, StreamsAreLimitedAFlow) {
  const ReceiverLimits limits{.streams = 4};
  EXPECT_THAT(beyond_limits(tcp(0, 4), limits), IsEmpty());
  EXPECT_THAT(beyond_limits(tcp(0, 5), limits), AllOf(HasSubstr("5 streams"), HasSubstr("(streams)")));
}

TEST(Admission, TheWarmUpCountsForTheDuration) {
  const ReceiverLimits limits{.duration = 10s};
  EXPECT_THAT(beyond_limits(lasting<ConnectionFlowSpec>(0s, 10s), limits), IsEmpty());
  for (const FlowSpec& spec : {FlowSpec{lasting<PacketFlowSpec>(2s, 9s)}, FlowSpec{lasting<TcpFlowSpec>(2s, 9s)},
                               FlowSpec{lasting<ConnectionFlowSpec>(2s, 9s)}})
    EXPECT_THAT(beyond_limits(spec, limits), AllOf(HasSubstr("11 s"), HasSubstr("(duration)")));
}

class GrantedFlowsTest : public testing::Test {
 protected:
  void grant(const asio::ip::address& client, const FlowSpec& spec) {
    ASSERT_THAT(flows_.no_room(client, spec, limits_), IsEmpty());
    flows_.add(++id_, client, spec);
  }

  const asio::ip::address one_ = asio::ip::make_address("10.0.0.4"), other_ = asio::ip::make_address("fd00::4");
  ReceiverLimits limits_;
  GrantedFlows flows_;
  std::uint32_t id_ = 0;
};

TEST_F(GrantedFlowsTest, FlowsAreCountedByClientAndInAll) {
  limits_.flows = 3;
  limits_.flows_per_client = 2;
  grant(one_, packets(1));
  grant(one_, tcp(0));
  EXPECT_THAT(flows_.no_room(one_, packets(1), limits_), AllOf(HasSubstr("2 flows"), HasSubstr("(flows per client)")));
  grant(other_, packets(1));
  EXPECT_THAT(flows_.no_room(other_, packets(1), limits_), AllOf(HasSubstr("3 flows"), HasSubstr("(flows)")));
  flows_.remove(1);
  grant(one_, packets(1));
}

TEST_F(GrantedFlowsTest, RatesOfAClientAreSummed) {
  limits_.client_rate_pps = 1000;
  limits_.client_bitrate_bps = 8e6;
  grant(one_, packets(600, 100));
  EXPECT_THAT(flows_.no_room(one_, packets(401, 100), limits_),
              AllOf(HasSubstr("401"), HasSubstr("600"), HasSubstr("1000 packets/s (client rate)")));
  grant(other_, packets(401, 100));
  grant(one_, exchanges(400));
  grant(one_, tcp(7e6));
  EXPECT_THAT(flows_.no_room(one_, tcp(1e6), limits_), HasSubstr("(client bitrate)"));
  EXPECT_THAT(flows_.no_room(other_, tcp(0), limits_), AllOf(HasSubstr("as fast"), HasSubstr("(client bitrate)")));
}

TEST_F(GrantedFlowsTest, RatesOfAllAreSummedWhileTheirFlowsAreThere) {
  limits_.total_rate_pps = 1000;
  limits_.total_bitrate_bps = 1e9;
  grant(one_, packets(600));
  EXPECT_THAT(flows_.no_room(other_, packets(500), limits_), HasSubstr("(total rate)"));
  flows_.remove(1);
  EXPECT_TRUE(flows_.empty());
  grant(other_, packets(500));
  EXPECT_THAT(flows_.no_room(one_, tcp(2e9), limits_), HasSubstr("(total bitrate)"));
}

TEST_F(GrantedFlowsTest, WithoutLimitsAFlatOutFlowKeepsNobodyOut) {
  grant(one_, packets(0));
  grant(one_, packets(0));
  limits_.total_rate_pps = 1000;
  EXPECT_THAT(flows_.no_room(other_, packets(1), limits_), HasSubstr("(total rate)"));
}

}  // namespace
}  // namespace paceline::receiver
