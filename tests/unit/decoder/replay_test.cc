// SPDX-License-Identifier: MIT
//
// What a record file gives back equals what the receiver had.
#include "decoder/replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "decoder/record_span.h"
#include "decoder/record_writer.h"
#include "paceline/error.h"
#include "tests/unit/decoder/record_file.h"
#include "tests/unit/decoder/stream.h"

namespace paceline::decoder {
namespace {

using namespace testing;

TEST(Replay, EqualsTheLiveResultToTheDigit) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    Trouble trouble;
    trouble.lost_tail = seed * 5;
    trouble.map_error = seed % 2 ? 60'000 : 0;  // negative delays
    const Stream stream = make_stream(seed, 3000, trouble, seed == 3 ? Hook::none : Hook::clsact);
    const auto live = decode_live(stream);
    const PacketFlowResult result = live_result(stream, live);
    const TemporaryFile file;
    ASSERT_EQ(write_record(file.path(), stream, result), "");

    std::vector<PacketInterval> replayed;
    const Replay replay =
        paceline::replay(file.path(), [&](const PacketInterval& interval, const PacketFlowSpec& spec) {
          EXPECT_EQ(spec, stream.start.spec);
          replayed.push_back(interval);
        });
    EXPECT_EQ(replay.damage, std::vector<std::string>{});
    EXPECT_EQ(replayed, live);
    EXPECT_EQ(replay.result, result);
    EXPECT_EQ(replay.recorded_at.size(), std::string("2000-01-01T00:00:00Z").size());
  }
}

// What a replay gives, whole.
struct Replayed {
  std::vector<PacketInterval> rows;
  Replay replay;
};

Replayed replayed(const std::filesystem::path& file, std::size_t threads, nanoseconds step = nanoseconds{0}) {
  Replayed all;
  RecordReader reader(file);
  all.replay = decoder::replay(
      reader, {.on_interval = [&](const PacketInterval& row, const PacketFlowSpec&) { all.rows.push_back(row); },
               .step = step,
               .threads = threads});
  return all;
}

// Many spans, cut within intervals, with copies and late packets of other blocks' and spans'.
TEST(Replay, IsTheSameWhateverTheNumberOfThreads) {
  using namespace std::chrono_literals;
  constexpr std::uint64_t kPackets = 600'000;
  Stream stream = make_stream(11, kPackets, {.duplicates = 0.01, .delayed = 0.02});
  stream.start.spec.interval = 7s;
  stream.start.spec.omit = 21s;
  stream.start.spec.duration -= 21s;
  const auto live = decode_live(stream);
  const PacketFlowResult result = live_result(stream, live);
  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), stream, result, 8192), "");

  for (const std::size_t threads : {1U, 2U, 5U}) {
    const Replayed all = replayed(file.path(), threads);
    EXPECT_EQ(all.replay.damage, std::vector<std::string>{}) << threads;
    EXPECT_EQ(all.rows, live) << threads;
    EXPECT_EQ(all.replay.result, result) << threads;
    RecordReader reader(file.path());
    EXPECT_EQ(decoder::replay(reader, {.threads = threads}).result, result) << "without rows, " << threads;
  }
  const Replayed one = replayed(file.path(), 1, 100ms);
  const Replayed several = replayed(file.path(), 3, 100ms);
  EXPECT_EQ(one.rows, several.rows);
  EXPECT_EQ(one.rows.size(), 6001u);
  EXPECT_EQ(several.replay.result, result);
}

TEST(Replay, BlocksThatDoNotGoOnFromEachOtherAreToldOf) {
  const Stream stream = make_stream(3, 600);
  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), stream, live_result(stream, decode_live(stream)), 200), "");
  auto bytes = file.read();
  RecordReader reader(bytes);
  (void)reader.next();
  const auto second = reader.next();
  ASSERT_TRUE(second);
  record::BlockHeader header = second->header;
  header.order.scaled_jitter += 16;
  const auto forged = record::encode(header, second->bytes.subspan(record::kBlockHeaderSize));
  std::ranges::copy(forged, bytes.begin() + static_cast<std::ptrdiff_t>(second->offset));
  RecordReader again(bytes);
  const Replay replay = decoder::replay(again);
  ASSERT_FALSE(replay.damage.empty());
  EXPECT_EQ(replay.damage.front(), "offset " + std::to_string(second->offset) + ": " + kContradiction);
  EXPECT_FALSE(replay.result.complete);
}

TEST(Replay, WithoutASendersWordOnlyGapsAreLost) {
  Trouble trouble;
  trouble.lost_tail = 500;
  Stream stream = make_stream(9, 1000, trouble);
  std::vector<PacketInterval> live;
  FlowDecoder decoder(stream.start, [&](PacketInterval&& interval) { live.push_back(std::move(interval)); });
  for (const Call& call : stream.calls) feed(decoder, call);
  decoder.finish(std::nullopt, stream.finished);
  PacketFlowResult result = live_result(stream, live);
  result.sent = {};
  result.complete = false;
  result.incomplete_reason = "the sender vanished";
  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), stream, result), "");
  const Replay replay = paceline::replay(file.path());
  EXPECT_EQ(replay.damage, std::vector<std::string>{});
  EXPECT_EQ(replay.result, result);
}

TEST(Replay, TheOffsetInUseIsTheHeadsWhateverTheTailKnows) {
  const Stream stream = make_stream(2, 100);
  PacketFlowResult result = live_result(stream, decode_live(stream));
  result.clock = {};  // the sender vanished before it could tell
  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), stream, result), "");
  const Replay replay = paceline::replay(file.path());
  EXPECT_EQ(replay.result.clock.offset, stream.start.map.offset);
  EXPECT_EQ(replay.result.clock.verdict, ClockVerdict::unknown);
}

TEST(Replay, AResultThatTheRecordsContradictIsToldOf) {
  const Stream stream = make_stream(1, 200);
  PacketFlowResult result = live_result(stream, decode_live(stream));
  ++result.received.packets;
  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), stream, result), "");
  const Replay replay = paceline::replay(file.path());
  EXPECT_EQ(replay.damage.size(), 1u);
  EXPECT_FALSE(replay.result.complete);
}

TEST(Replay, WhatIsNoRecordFileIsRefused) {
  const TemporaryFile file;
  EXPECT_THROW(paceline::replay(file.path()), FileError) << "missing";
  file.write({});
  EXPECT_THROW(paceline::replay(file.path()), FileError) << "empty";
  file.write(std::vector<std::uint8_t>(1000, 'x'));
  EXPECT_THROW(paceline::replay(file.path()), FileError) << "something else";
  EXPECT_THROW(paceline::replay(file.path().parent_path()), FileError) << "a directory";
}

}  // namespace
}  // namespace paceline::decoder
