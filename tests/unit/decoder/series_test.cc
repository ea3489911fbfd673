// SPDX-License-Identifier: MIT
//
// Time series of record files: rows of any length, and their CSV.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "decoder/histogram.h"
#include "paceline/decoder.h"
#include "paceline/error.h"
#include "tests/unit/decoder/record_file.h"
#include "tests/unit/decoder/stream.h"

namespace paceline::decoder {
namespace {

using namespace testing;
using namespace std::chrono_literals;

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> split(1);
  for (const char c : line) {
    if (c == ',')
      split.emplace_back();
    else
      split.back() += c;
  }
  return split;
}

const CsvIntervals kPackets({PacketFlowSpec{}});

/// A row by its columns' names.
std::map<std::string, std::string> by_name(const std::string& line) {
  const auto names = cells(kPackets.header()), values = cells(line);
  EXPECT_EQ(names.size(), values.size()) << line;
  std::map<std::string, std::string> row;
  for (std::size_t i = 0; i < names.size(); ++i) row[names[i]] = values[i];
  return row;
}

TEST(Series, RowsOfAnyStepAddUpToTheFlow) {
  const Stream stream = make_stream(8, 1500, {.lost_tail = 20});
  const PacketFlowResult result = live_result(stream, decode_live(stream));
  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), stream, result), "");

  for (const nanoseconds step : {nanoseconds(1ms), nanoseconds(7ms), nanoseconds(50ms), nanoseconds(10s)}) {
    SCOPED_TRACE(step.count());
    std::vector<PacketInterval> rows;
    const Replay replayed = paceline::replay(
        file.path(), step, [&](const PacketInterval& row, const PacketFlowSpec&) { rows.push_back(row); });
    EXPECT_EQ(replayed.result, result) << "whatever the rows are";
    PacketFlowResult sum;
    sum.spec = stream.start.spec;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].index, i);
      EXPECT_EQ(rows[i].start, i * step);
      if (!rows[i].last) {
        EXPECT_EQ(rows[i].end, (i + 1) * step);
      }
      accumulate(sum, rows[i]);
    }
    EXPECT_TRUE(rows.back().last);
    EXPECT_EQ(sum.received, result.received);
    EXPECT_EQ(sum.statistics, result.statistics);
  }
}

TEST(Series, TheFlowsOwnStepGivesItsOwnRows) {
  const Stream stream = make_stream(9, 800);
  const auto live = decode_live(stream);
  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), stream, live_result(stream, live)), "");
  std::vector<PacketInterval> rows;
  paceline::replay(file.path(), stream.start.spec.interval,
                   [&](const PacketInterval& row, const PacketFlowSpec&) { rows.push_back(row); });
  EXPECT_EQ(rows, live);
}

TEST(Series, AWarmUpNeedNotBeWholeSteps) {
  Stream stream = make_stream(10, 1000);
  stream.start.spec.omit = 100ms;
  stream.start.spec.duration = 900ms;
  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), stream, live_result(stream, decode_live(stream))), "");
  std::size_t omitted = 0;
  paceline::replay(file.path(), 30ms, [&](const PacketInterval& row, const PacketFlowSpec&) {
    EXPECT_EQ(row.omitted, row.start < 100ms);
    omitted += row.omitted ? 1 : 0;
  });
  EXPECT_EQ(omitted, 4u);
}

TEST(Series, ATinyStepIsRefused) { EXPECT_THROW(paceline::replay("unread", 999ns, {}), UsageError); }

TEST(Csv, ARowHasARowsFigures) {
  PacketInterval row;
  row.index = 3;
  row.start = 300ms;
  row.end = 400ms;
  row.received.packets = 50;
  row.received.bytes = 25600;
  row.received.lost = -2;
  row.received.duplicated = 1;
  row.received.reordered = 4;
  row.omitted = true;
  Histogram delay;
  for (const std::int64_t ns : {-10, 20, 80}) delay.record(ns);
  row.statistics.segments[0] = delay.take();
  const auto named = by_name(kPackets.row(7, row));
  EXPECT_EQ(named.at("flow"), "7");
  EXPECT_EQ(named.at("meter"), "one_way");
  EXPECT_EQ(named.at("start_ns"), "300000000");
  EXPECT_EQ(named.at("end_ns"), "400000000");
  EXPECT_EQ(named.at("omitted"), "1");
  EXPECT_EQ(named.at("last"), "0");
  EXPECT_EQ(named.at("packets"), "50");
  EXPECT_EQ(named.at("rate_pps"), "500.000");
  EXPECT_EQ(named.at("rate_bps"), "2048000.000");
  EXPECT_EQ(named.at("lost"), "-2");
  EXPECT_EQ(named.at("duplicated"), "1");
  EXPECT_EQ(named.at("reordered"), "4");
  EXPECT_EQ(named.at("delay_min_ns"), "-10");
  EXPECT_EQ(named.at("delay_mean_ns"), "30.000");
  EXPECT_EQ(named.at("delay_max_ns"), "80");
}

TEST(Csv, WhatThereIsNothingOfIsEmpty) {
  PacketInterval row;
  row.end = 1s;
  row.meter = Meter::round_trip;
  const auto named = by_name(kPackets.row(0, row));
  EXPECT_EQ(named.at("meter"), "round_trip");
  EXPECT_EQ(named.at("packets"), "0");
  EXPECT_EQ(named.at("rate_pps"), "0.000");
  for (const auto& [name, value] : named) {
    if (name.starts_with("delay_") || name.starts_with("jitter_") || name.starts_with("ipdv_")) {
      EXPECT_EQ(value, "") << name;
    }
  }
}

}  // namespace
}  // namespace paceline::decoder
