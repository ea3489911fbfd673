// SPDX-License-Identifier: MIT
#include "decoder/render_hlog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decoder/histogram.h"

namespace paceline::decoder {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

PacketInterval interval(const std::vector<std::int64_t>& delays) {
  Histogram histogram;
  for (const std::int64_t delay : delays) histogram.record(delay);
  PacketInterval row;
  row.start = 1s;
  row.end = 2s;
  row.statistics.segments[0] = histogram.take();
  return row;
}

HistogramLog make_log() { return HistogramLog(std::chrono::system_clock::time_point(1000s)); }

TEST(HistogramLog, HeaderTellsTheFormatAndTheTime) {
  EXPECT_THAT(make_log().header(),
              AllOf(HasSubstr("#[Histogram log format version 1.3]\n"),
                    HasSubstr("#[StartTime: 1000.000 (seconds since epoch), 1970-01-01T00:16:40Z]\n"),
                    HasSubstr("\"StartTimestamp\",\"Interval_Length\"")));
}

TEST(HistogramLog, AnIntervalIsALineATag) {
  HistogramLog log = make_log();
  const std::string line = log.lines(0, 500ms, interval({1000, 2'500'000}));
  EXPECT_THAT(line, StartsWith("Tag=1.tx.user-rx.user,1.500,1.000,2.500000,HISTFAAA"));
  EXPECT_EQ(log.negative(), 0U);
}

TEST(HistogramLog, ValuesBelowZeroAreCountedAndSaid) {
  HistogramLog log = make_log();
  EXPECT_THAT(
      log.lines(2, 0s, interval({-5, -7, 1000})),
      AllOf(StartsWith("#[3.tx.user-rx.user from 1.000 s on: 2 of 3 values are below 0"), HasSubstr("\nTag=3.")));
  EXPECT_THAT(log.lines(2, 0s, interval({-5})), AllOf(StartsWith("#["), Not(HasSubstr("Tag="))));
  EXPECT_EQ(log.negative(), 3U);
}

TEST(HistogramLog, WarmUpsAndEmptyIntervalsHaveNoLine) {
  HistogramLog log = make_log();
  PacketInterval warm_up = interval({1000});
  warm_up.omitted = true;
  EXPECT_EQ(log.lines(0, 0s, warm_up), "");
  EXPECT_EQ(log.lines(0, 0s, interval({})), "");
}

}  // namespace
}  // namespace paceline::decoder
