// SPDX-License-Identifier: MIT
#include "decoder/render_itg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decoder/histogram.h"
#include "decoder/itg_replay.h"
#include "tests/unit/decoder/record_file.h"
#include "tests/unit/decoder/stream.h"

namespace paceline::decoder {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

Distribution distribution(std::initializer_list<std::int64_t> values) {
  Histogram histogram;
  for (const std::int64_t value : values) histogram.record(value);
  return histogram.take();
}

ItgFlow flow(const std::string& from, const std::string& to, nanoseconds start) {
  ItgFlow flow;
  flow.start = start;
  flow.result.path.seen_from = from;
  flow.result.path.arrived_at = to;
  flow.result.received.packets = 4;
  flow.result.received.bytes = 400;
  flow.result.first_arrival = 50us;
  flow.result.last_arrival = 3ms + 50us;
  flow.result.statistics.segments[0] = distribution({10'000, 20'000, 30'000, 40'000});
  flow.result.statistics.jitter = distribution({10'000, 10'000, 10'000});
  return flow;
}

// As ITGDec 2.8.1 writes it, to the blank.
TEST(RenderItg, IsItgDecsLayout) {
  ItgFlow second = flow("[2001:db8::1]:40000", "[2001:db8::2]:8999", 10s + 500us);
  second.result.received.packets = 6;
  second.result.received.lost = 6;
  second.loss_runs = 4;
  EXPECT_EQ(render_itg({flow("10.0.0.4:41512", "10.0.0.3:8999", 10s), second}, 2),
            R"(----------------------------------------------------------
Flow number: 1
From 10.0.0.4:41512
To    10.0.0.3:8999
----------------------------------------------------------
Total time               =      0.003000 s
Total packets            =             4
Minimum delay            =      0.000010 s
Maximum delay            =      0.000040 s
Average delay            =      0.000025 s
Average jitter           =      0.000010 s
Delay standard deviation =      0.000013 s
Bytes received           =           400
Average bitrate          =   1066.666667 Kbit/s
Average packet rate      =   1333.333333 pkt/s
Packets dropped          =             0 (0.00 %)
Average loss-burst size  =      0.000000 pkt
----------------------------------------------------------
----------------------------------------------------------
Flow number: 2
From 2001:db8::1:40000
To    2001:db8::2:8999
----------------------------------------------------------
Total time               =      0.003000 s
Total packets            =             6
Minimum delay            =      0.000010 s
Maximum delay            =      0.000040 s
Average delay            =      0.000025 s
Average jitter           =      0.000010 s
Delay standard deviation =      0.000013 s
Bytes received           =           400
Average bitrate          =   1066.666667 Kbit/s
Average packet rate      =   2000.000000 pkt/s
Packets dropped          =             6 (50.00 %)
Average loss-burst size  =      1.500000 pkt
----------------------------------------------------------

__________________________________________________________
****************  TOTAL RESULTS   ******************
__________________________________________________________
Number of flows          =             2
Total time               =      0.003500 s
Total packets            =            10
Minimum delay            =      0.000010 s
Maximum delay            =      0.000040 s
Average delay            =      0.000025 s
Average jitter           =      0.000010 s
Delay standard deviation =      0.000012 s
Bytes received           =           800
Average bitrate          =   1828.571429 Kbit/s
Average packet rate      =   2857.142857 pkt/s
Packets dropped          =             6 (37.50 %)
Average loss-burst size  =      1.500000 pkt
Error lines              =             2
----------------------------------------------------------
)");
}

TEST(RenderItg, NegativeDelaysKeepTheirSign) {
  ItgFlow early = flow("a:1", "b:2", 0s);
  early.result.statistics.segments[0] = distribution({-1'500'000, 500'000});
  EXPECT_THAT(render_itg({early}, 0), HasSubstr("Minimum delay            =     -0.001500 s\n"));
}

TEST(RenderItg, AFlowOfWhichNothingArrivedHasNoFigures) {
  ItgFlow nothing;
  nothing.result.received.lost = 10;
  nothing.loss_runs = 1;
  const std::string text = render_itg({nothing, flow("a:1", "b:2", 5s)}, 0);
  EXPECT_THAT(text, HasSubstr("From unknown\nTo    unknown\n"));
  EXPECT_THAT(text, HasSubstr("Packets dropped          =            10 (100.00 %)\n"
                              "Average loss-burst size  =     10.000000 pkt\n"));
  EXPECT_THAT(text,
              HasSubstr("Number of flows          =             2\nTotal time               =      0.003000 s\n"));
}

TEST(RenderItg, OfARecordTheRunsOfLossAreCounted) {
  const Stream stream = make_stream(6, 2000, {.loss = 0.1, .duplicates = 0.05, .delayed = 0, .lost_tail = 7});
  const auto intervals = decode_live(stream);
  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), stream, live_result(stream, intervals)), "");

  std::vector<bool> arrived(stream.sent);
  for (const Call& call : stream.calls) {
    if (call.is_packet) arrived[call.packet.sequence] = true;
  }
  std::uint64_t runs = 0;
  for (std::size_t i = 0; i < arrived.size(); ++i) runs += !arrived[i] && (i == 0 || arrived[i - 1]) ? 1u : 0u;

  const auto [itg, replayed] = replay_for_itg(file.path());
  EXPECT_TRUE(replayed.damage.empty());
  EXPECT_EQ(itg.loss_runs, runs);
  EXPECT_EQ(itg.result, live_result(stream, intervals));
  EXPECT_EQ(itg.start, stream.start.start.time_since_epoch() + stream.start.map.offset);
}

}  // namespace
}  // namespace paceline::decoder
