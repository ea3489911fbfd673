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

}  // namespace
}  // namespace paceline::receiver
