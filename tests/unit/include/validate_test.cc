// SPDX-License-Identifier: MIT
#include "paceline/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

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

TEST(PacketFlowSpec, DefaultsAndLimitsAreValid) {
  EXPECT_NO_THROW(validate(PacketFlowSpec{}));
  EXPECT_EQ(refusal(+[](PacketFlowSpec& spec) { spec.rate_pps = PacketFlowSpec::kMaxRate; }), "");
  EXPECT_EQ(refusal(+[](PacketFlowSpec& spec) { spec.rate_pps = 1e-3; }), "");
  EXPECT_EQ(refusal(+[](PacketFlowSpec& spec) { spec.rate_pps = 0; }), "") << "as fast as can be";
  EXPECT_EQ(refusal(+[](PacketFlowSpec& spec) { spec.batch = PacketFlowSpec::kMaxBatch; }), "");
  EXPECT_EQ(refusal(+[](PacketFlowSpec& spec) { spec.omit = 3 * spec.interval; }), "");
  EXPECT_EQ(refusal(+[](PacketFlowSpec& spec) { spec.size = PacketFlowSpec::kMinSize; }), "");
  EXPECT_EQ(refusal(+[](PacketFlowSpec& spec) { spec.size = PacketFlowSpec::kMaxSize; }), "");
  EXPECT_EQ(refusal(+[](PacketFlowSpec& spec) { spec.duration = hours(72); }), "");
  EXPECT_EQ(refusal(+[](PacketFlowSpec& spec) { spec.interval = milliseconds(10); }), "");
}

TEST(PacketFlowSpec, RefusalsNameTheField) {
  using testing::StartsWith;
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.rate_pps = -1; }), StartsWith("rate is -1"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.rate_pps = 1.01e8; }), StartsWith("rate"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.rate_pps = std::numeric_limits<double>::infinity(); }),
              StartsWith("rate is inf"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.rate_pps = std::numeric_limits<double>::quiet_NaN(); }),
              StartsWith("rate is nan"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.size = 17; }), StartsWith("size is 17"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.size = 65508; }), StartsWith("size"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.duration = nanoseconds{0}; }), StartsWith("duration"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.duration = hours(72) + nanoseconds{1}; }),
              StartsWith("duration"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.interval = milliseconds(9); }), StartsWith("interval"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.interval = hours(2); }), StartsWith("interval"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.interval = nanoseconds{0}; }), StartsWith("interval"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.omit = -spec.interval; }), StartsWith("omit is -1 s"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.omit = milliseconds(1500); }), StartsWith("omit is 1.5 s"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.batch = 129; }), StartsWith("batch is 129"));
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

TEST(PacketFlowSpec, ModelsAndTracesHaveNoSizeOfTheirOwn) {
  EXPECT_EQ(refusal(+[](PacketFlowSpec& spec) {
              spec.model.emplace();
              spec.size = 0;
            }),
            "");
  EXPECT_EQ(refusal(+[](PacketFlowSpec& spec) {
              spec.trace = TraceSpec{"capture.pcap", 2, 0.5, true};
              spec.size = 0;
            }),
            "");
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.size = 0; }), testing::StartsWith("size is 0"));
}

// The model of a flow that is asked for.
TrafficModel& model_of(PacketFlowSpec& spec) {
  spec.size = 0;
  if (!spec.model) spec.model.emplace();
  return *spec.model;
}

TEST(PacketFlowSpec, RefusalsOfModelsNameTheField) {
  using testing::StartsWith;
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { model_of(spec).idt.least = 2, model_of(spec).idt.most = 1; }),
              StartsWith("idt has a least value above its most"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { model_of(spec).size.family = model::Empirical{}; }),
              StartsWith("size is empirical without a file"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { model_of(spec).segment = 17; }), StartsWith("segment is 17"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { model_of(spec).segment = 65508; }), StartsWith("segment is 65508"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { model_of(spec).overhead = 65507; }), StartsWith("overhead is 65507"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) {
                model_of(spec).segment = 65000;
                model_of(spec).overhead = 508;
              }),
              StartsWith("overhead is 508"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) {
                model::Discrete many;
                for (int i = 0; i < 5000; ++i) many.values.push_back(i), many.weights.push_back(1 / 5000.0);
                model_of(spec).idt.family = many;
              }),
              testing::AllOf(StartsWith("idt is "), testing::HasSubstr("16384"), testing::HasSubstr("empirical:file")));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { model_of(spec).bursts.emplace().off.family = model::Constant{1}; }),
              StartsWith("on is 0 s"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { model_of(spec).bursts.emplace().on.family = model::Constant{1}; }),
              StartsWith("off is 0 s"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) {
                model_of(spec);
                spec.trace = TraceSpec{.file = "x"};
              }),
              StartsWith("trace and a model"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.trace.emplace(); }), StartsWith("trace names no file"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.trace = TraceSpec{.file = "x", .speed = 0}; }),
              StartsWith("trace speed is 0"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.trace = TraceSpec{.file = "x", .size_factor = -1}; }),
              StartsWith("trace scale is -1"));
}

TEST(PacketFlowSpec, WhatDoesNotGoTogetherIsRefused) {
  using testing::StartsWith;
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.transport = Transport::icmp; }), StartsWith("meter is one-way"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) {
                spec.meter = Meter::round_trip;
                spec.batching = Batching::offload;
              }),
              StartsWith("batching is offload"));
  for (const Transport transport : {Transport::tcp, Transport::sctp}) {
    PacketFlowSpec records;
    records.transport = transport;
    EXPECT_NO_THROW(validate(records));
    PacketFlowSpec batched = records;
    batched.batching = Batching::several;
    EXPECT_THROW(validate(batched), UsageError);
    PacketFlowSpec cut = records;
    cut.socket.fragments = Fragments::never;
    EXPECT_THROW(validate(cut), UsageError);
    PacketFlowSpec marked = records;
    marked.socket.ecn = 1;
    EXPECT_THROW(validate(marked), UsageError);
    PacketFlowSpec gathered = records;
    gathered.no_delay = false;
    EXPECT_NO_THROW(validate(gathered));
  }
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.no_delay = false; }), StartsWith("nagle is for"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.sctp_streams = 2; }), StartsWith("sctp streams is 2"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.sctp_streams = 0; }), StartsWith("sctp streams is 0"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.payload = Payload::file; }), StartsWith("payload is of a file"));
  EXPECT_THAT(refusal(+[](PacketFlowSpec& spec) { spec.payload_file = "x"; }), StartsWith("payload names a file"));
}

template <class Spec>
class EveryKind : public testing::Test {};
using Kinds = testing::Types<PacketFlowSpec, TcpFlowSpec, ConnectionFlowSpec>;
TYPED_TEST_SUITE(EveryKind, Kinds);

TYPED_TEST(EveryKind, SharesNameDelayAndSocket) {
  using testing::StartsWith;
  using Spec = TypeParam;
  EXPECT_EQ(refusal(+[](Spec& spec) { spec.name = std::string(64, 'n'); }), "");
  EXPECT_EQ(refusal(+[](Spec& spec) { spec.name = "voip G.711 \u2192 pod"; }), "");
  EXPECT_THAT(refusal(+[](Spec& spec) { spec.name = std::string(65, 'n'); }), StartsWith("name has 65 bytes"));
  EXPECT_THAT(refusal(+[](Spec& spec) { spec.name = "two\nlines"; }), StartsWith("name has control characters"));
  EXPECT_THAT(refusal(+[](Spec& spec) { spec.name = " x"; }), StartsWith("name ' x'"));
  EXPECT_THAT(refusal(+[](Spec& spec) { spec.delay = nanoseconds{-1}; }), StartsWith("delay is"));
  EXPECT_THAT(refusal(+[](Spec& spec) { spec.delay = hours(73); }), StartsWith("delay is"));
  EXPECT_EQ(refusal(+[](Spec& spec) { spec.socket.dscp = 63; }), "");
  EXPECT_THAT(refusal(+[](Spec& spec) { spec.socket.dscp = 64; }), StartsWith("dscp is 64"));
  EXPECT_THAT(refusal(+[](Spec& spec) { spec.socket.ecn = 4; }), StartsWith("ecn is 4"));
  EXPECT_THAT(refusal(+[](Spec& spec) { spec.socket.interface = "sixteen-letters-"; }), StartsWith("interface"));
  EXPECT_THAT(refusal(+[](Spec& spec) { spec.socket.interface = "a/b"; }), StartsWith("interface"));
  EXPECT_THAT(refusal(+[](Spec& spec) { spec.socket.source_port = 5000; }), StartsWith("source has a port"));
}

TEST(TcpFlowSpec, WhatOnlyPacketsHaveIsRefused) {
  EXPECT_NE(refusal(+[](TcpFlowSpec& spec) { spec.socket.ecn = 1; }), "");
  EXPECT_NE(refusal(+[](TcpFlowSpec& spec) { spec.socket.fragments = Fragments::allowed; }), "");
  EXPECT_NE(refusal(+[](ConnectionFlowSpec& spec) { spec.socket.ecn = 1; }), "");
  EXPECT_THAT(refusal(+[](ConnectionFlowSpec& spec) { spec.transport = Transport::icmp; }),
              testing::StartsWith("protocol is icmp"));
  EXPECT_NE(refusal(+[](ConnectionFlowSpec& spec) { spec.transport = Transport::sctp; }), "");
}

TEST(SliceSpec, HasANameAndFlowsOfTheRun) {
  EXPECT_NO_THROW(validate(SliceSpec{"urllc", {0, 2}, {}}, 3));
  EXPECT_THROW(validate(SliceSpec{"", {0}, {}}, 3), UsageError);
  EXPECT_THROW(validate(SliceSpec{"urllc", {}, {}}, 3), UsageError);
  EXPECT_THROW(validate(SliceSpec{"urllc", {3}, {}}, 3), UsageError);
}

}  // namespace
}  // namespace paceline
