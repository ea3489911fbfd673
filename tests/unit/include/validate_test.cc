// SPDX-License-Identifier: MIT
#include "paceline/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace paceline {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// Why a specification of the kind that `change` takes is refused once it has been changed; empty if it is not.
template <class Spec>
std::string refusal(void (*change)(Spec&)) {
  Spec spec;
  change(spec);
  try {
    validate(spec);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(UdpFlowSpec, DefaultsAndLimitsAreValid) {
  EXPECT_NO_THROW(validate(UdpFlowSpec{}));
  EXPECT_EQ(refusal(+[](UdpFlowSpec& spec) { spec.rate_pps = UdpFlowSpec::kMaxRate; }), "");
  EXPECT_EQ(refusal(+[](UdpFlowSpec& spec) { spec.rate_pps = 1e-3; }), "");
  EXPECT_EQ(refusal(+[](UdpFlowSpec& spec) { spec.rate_pps = 0; }), "") << "as fast as can be";
  EXPECT_EQ(refusal(+[](UdpFlowSpec& spec) { spec.batch = UdpFlowSpec::kMaxBatch; }), "");
  EXPECT_EQ(refusal(+[](UdpFlowSpec& spec) { spec.omit = 3 * spec.interval; }), "");
  EXPECT_EQ(refusal(+[](UdpFlowSpec& spec) { spec.size = UdpFlowSpec::kMinSize; }), "");
  EXPECT_EQ(refusal(+[](UdpFlowSpec& spec) { spec.size = UdpFlowSpec::kMaxSize; }), "");
  EXPECT_EQ(refusal(+[](UdpFlowSpec& spec) { spec.duration = hours(72); }), "");
  EXPECT_EQ(refusal(+[](UdpFlowSpec& spec) { spec.interval = milliseconds(10); }), "");
}

TEST(UdpFlowSpec, RefusalsNameTheField) {
  using testing::StartsWith;
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.rate_pps = -1; }), StartsWith("rate is -1"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.rate_pps = 1.01e8; }), StartsWith("rate"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.rate_pps = std::numeric_limits<double>::infinity(); }),
              StartsWith("rate is inf"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.rate_pps = std::numeric_limits<double>::quiet_NaN(); }),
              StartsWith("rate is nan"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.size = 17; }), StartsWith("size is 17"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.size = 65508; }), StartsWith("size"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.duration = nanoseconds{0}; }), StartsWith("duration"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.duration = hours(72) + nanoseconds{1}; }), StartsWith("duration"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.interval = milliseconds(9); }), StartsWith("interval"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.interval = hours(2); }), StartsWith("interval"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.interval = nanoseconds{0}; }), StartsWith("interval"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.omit = -spec.interval; }), StartsWith("omit is -1 s"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.omit = milliseconds(1500); }), StartsWith("omit is 1.5 s"));
  EXPECT_THAT(refusal(+[](UdpFlowSpec& spec) { spec.batch = 129; }), StartsWith("batch is 129"));
}

TEST(TcpFlowSpec, DefaultsAndLimitsAreValid) {
  EXPECT_NO_THROW(validate(TcpFlowSpec{}));
  EXPECT_EQ(refusal(+[](TcpFlowSpec& spec) { spec.streams = TcpFlowSpec::kMaxStreams; }), "");
  EXPECT_EQ(refusal(+[](TcpFlowSpec& spec) { spec.bitrate_bps = TcpFlowSpec::kMaxBitrate; }), "");
  EXPECT_EQ(refusal(+[](TcpFlowSpec& spec) { spec.congestion = "bbr2_x-y"; }), "");
  EXPECT_EQ(refusal(+[](TcpFlowSpec& spec) { spec.mss = 88; }), "");
  EXPECT_EQ(refusal(+[](TcpFlowSpec& spec) { spec.socket_buffer = TcpFlowSpec::kMaxSocketBuffer; }), "");
}

TEST(TcpFlowSpec, RefusalsNameTheField) {
  using testing::StartsWith;
  EXPECT_THAT(refusal(+[](TcpFlowSpec& spec) { spec.streams = 0; }), StartsWith("streams is 0"));
  EXPECT_THAT(refusal(+[](TcpFlowSpec& spec) { spec.streams = 10000; }), StartsWith("streams is 10000"));
  EXPECT_THAT(refusal(+[](TcpFlowSpec& spec) { spec.bitrate_bps = -1; }), StartsWith("bitrate is -1"));
  EXPECT_THAT(refusal(+[](TcpFlowSpec& spec) { spec.bitrate_bps = std::numeric_limits<double>::quiet_NaN(); }),
              StartsWith("bitrate"));
  EXPECT_THAT(refusal(+[](TcpFlowSpec& spec) { spec.congestion = "a name of 16 let"; }), StartsWith("congestion"));
  EXPECT_THAT(refusal(+[](TcpFlowSpec& spec) { spec.congestion = "../reno"; }), StartsWith("congestion"));
  EXPECT_THAT(refusal(+[](TcpFlowSpec& spec) { spec.mss = 87; }), StartsWith("mss is 87"));
  EXPECT_THAT(refusal(+[](TcpFlowSpec& spec) { spec.mss = 32768; }), StartsWith("mss"));
  EXPECT_THAT(refusal(+[](TcpFlowSpec& spec) { spec.socket_buffer = 4095; }), StartsWith("socket buffer is 4095"));
  EXPECT_THAT(refusal(+[](TcpFlowSpec& spec) { spec.duration = nanoseconds{0}; }), StartsWith("duration"));
  EXPECT_THAT(refusal(+[](TcpFlowSpec& spec) { spec.omit = milliseconds(1); }), StartsWith("omit"));
}

TEST(ConnectionFlowSpec, DefaultsAndLimitsAreValid) {
  EXPECT_NO_THROW(validate(ConnectionFlowSpec{}));
  EXPECT_EQ(refusal(+[](ConnectionFlowSpec& spec) { spec.rate = ConnectionFlowSpec::kMaxRate; }), "");
  EXPECT_EQ(refusal(+[](ConnectionFlowSpec& spec) { spec.concurrency = ConnectionFlowSpec::kMaxConcurrency; }), "");
  EXPECT_EQ(refusal(+[](ConnectionFlowSpec& spec) { spec.timeout = milliseconds(1); }), "");
}

TEST(ConnectionFlowSpec, RefusalsNameTheField) {
  using testing::StartsWith;
  EXPECT_THAT(refusal(+[](ConnectionFlowSpec& spec) { spec.rate = 1.1e7; }), StartsWith("rate is 1.1e+07"));
  EXPECT_THAT(refusal(+[](ConnectionFlowSpec& spec) { spec.concurrency = 16385; }), StartsWith("concurrency is 16385"));
  EXPECT_THAT(refusal(+[](ConnectionFlowSpec& spec) { spec.timeout = nanoseconds{999'999}; }), StartsWith("timeout"));
  EXPECT_THAT(refusal(+[](ConnectionFlowSpec& spec) { spec.timeout = std::chrono::seconds(61); }),
              StartsWith("timeout is 61 s"));
  EXPECT_THAT(refusal(+[](ConnectionFlowSpec& spec) { spec.duration = nanoseconds{-1}; }), StartsWith("duration"));
}

}  // namespace
}  // namespace paceline
