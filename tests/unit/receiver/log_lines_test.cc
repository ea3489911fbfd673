// SPDX-License-Identifier: MIT
#include "receiver/log_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paceline::receiver {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(LogLines, AFlowsStartSaysWhatWasAskedForAsPeopleWriteIt) {
  PacketFlowResult packets;
  packets.flow_id = 0xCAFE;
  packets.spec.rate_pps = 1e6;
  packets.spec.duration = 1500ms;
  packets.spec.omit = 2s;
  EXPECT_EQ(describe_start(packets),
            "flow 0000cafe: UDP, 512 bytes, 1000000 packets/s, for 1.5 s after 2 s of warm-up, stamped by none");
  packets.spec.transport = Transport::sctp;
  packets.spec.rate_pps = 0;
  EXPECT_THAT(describe_start(packets), HasSubstr("SCTP records, 512 bytes, as fast as can be"));

  TcpFlowResult tcp;
  tcp.spec.streams = 2;
  tcp.spec.bitrate_bps = 100e6;
  EXPECT_THAT(describe_start(tcp), HasSubstr("TCP, 2 streams, forward, 100.0 Mbit/s, "));
}

TEST(LogLines, AFlowsEndSaysWhatIsMissing) {
  PacketFlowResult packets;
  packets.received.packets = 90;
  packets.received.lost = 10;
  packets.complete = true;
  EXPECT_EQ(describe_end(packets), "flow 00000000: received 90, lost 10");
  packets.complete = false;
  packets.incomplete_reason = "the sender is gone";
  EXPECT_THAT(describe_end(packets), HasSubstr("partial: the sender is gone"));
}

}  // namespace
}  // namespace paceline::receiver
