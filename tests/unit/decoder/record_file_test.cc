// SPDX-License-Identifier: MIT
//
// The record file, written and read: damage of every kind, files that grow, disks that are full.
#include "tests/unit/decoder/record_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>

#include "decoder/arrival_order.h"
#include "decoder/record_packets.h"
#include "decoder/record_reader.h"
#include "decoder/record_writer.h"
#include "decoder/replay.h"
#include "paceline/decoder.h"
#include "paceline/error.h"
#include "proto/record_columns.h"
#include "tests/unit/decoder/golden.h"
#include "tests/unit/decoder/stream.h"

namespace paceline::decoder {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

using Packets = std::vector<record::Packet>;

// The packets that a reader gives from where it stands.
Packets packets_of(RecordReader& reader) {
  Packets packets;
  for_each_packet(reader, [&](const RecordedPacket& seen) {
    record::Packet packet;
    packet.sequence = seen.sequence;
    packet.tx_user = seen.tx_user.time_since_epoch().count();
    packet.lateness = (seen.tx_user - seen.tx_due).count();
    packet.stamped = seen.rx_tc.has_value();
    if (seen.rx_tc) packet.rx_tc = seen.rx_tc->time_since_epoch().count();
    packet.rx_user = seen.rx_user.time_since_epoch().count();
    packet.size = seen.size;
    packets.push_back(packet);
  });
  return packets;
}

// A small file of several blocks, for damage.
class SmallRecordFile : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const Stream stream = make_stream(5, 60, {.loss = 0, .duplicates = 0});
    const TemporaryFile file;
    RecordWriter writer(file.path(), stream.start, {.packets = 20, .age = 1h});
    for (const Call& call : stream.calls) feed(writer, call);
    ASSERT_EQ(writer.finish(live_result(stream, decode_live(stream)), stream.finished), "");
    bytes_ = file.read();
    RecordReader reader(bytes_);
    while (const auto block = reader.next()) offsets_.push_back(block->offset);
    RecordReader again(bytes_);
    packets_ = packets_of(again);
    ASSERT_GE(offsets_.size(), 3u);
    ASSERT_EQ(packets_.size(), 60u);
  }

  static std::vector<std::uint8_t> bytes_;
  static std::vector<std::uint64_t> offsets_;  // of the blocks of records
  static Packets packets_;
};
std::vector<std::uint8_t> SmallRecordFile::bytes_;
std::vector<std::uint64_t> SmallRecordFile::offsets_;
Packets SmallRecordFile::packets_;

TEST_F(SmallRecordFile, CutAnywhereIsReadUpToThere) {
  std::size_t most = 0;
  for (std::size_t size = 0; size < bytes_.size(); ++size) {
    const auto cut = record::Bytes(bytes_).first(size);
    if (size < offsets_.front()) {
      ASSERT_THROW(RecordReader reader(cut), FileError) << size;
      continue;
    }
    RecordReader reader(cut);
    const Packets read = packets_of(reader);
    ASSERT_GE(read.size(), most) << size;
    ASSERT_TRUE(std::equal(read.begin(), read.end(), packets_.begin())) << size;
    ASSERT_EQ(reader.damage(), std::vector<std::string>{}) << size;
    most = read.size();

    RecordReader again(cut);
    const Replay replay = decoder::replay(again);
    ASSERT_EQ(replay.damage.size(), 1u) << size;
    ASSERT_FALSE(replay.result.complete) << size;
    ASSERT_EQ(replay.result.incomplete_reason, "the record file has no end") << size;
    ASSERT_EQ(replay.result.received.packets, most) << size;
  }
  EXPECT_EQ(most, packets_.size());
}

TEST_F(SmallRecordFile, AFlippedBitCostsItsBlockAndIsToldOf) {
  for (std::size_t at = 0; at < bytes_.size(); ++at) {
    auto damaged = bytes_;
    damaged[at] ^= static_cast<std::uint8_t>(1 << at % 8);
    if (at < offsets_.front()) {
      ASSERT_THROW(RecordReader reader(damaged), FileError) << at;
      continue;
    }
    RecordReader reader(damaged);
    const Packets read = packets_of(reader);
    const bool in_records = at < bytes_.size() && read.size() < packets_.size();
    ASSERT_FALSE(reader.damage().empty()) << at;
    ASSERT_TRUE(std::ranges::includes(packets_, read, {}, &record::Packet::sequence, &record::Packet::sequence) ||
                !in_records)
        << at;
    ASSERT_GE(read.size(), packets_.size() - 21) << at;

    RecordReader again(damaged);
    const Replay replay = decoder::replay(again);
    ASSERT_FALSE(replay.result.complete) << at;
    ASSERT_FALSE(replay.damage.empty()) << at;
  }
}

TEST_F(SmallRecordFile, RubbishBetweenBlocksIsPassedOver) {
  auto damaged = bytes_;
  const std::string rubbish =
      "rubbish \xF1"
      "Block\x1A\n with a marker in it";
  damaged.insert(damaged.begin() + static_cast<std::ptrdiff_t>(offsets_[1]), rubbish.begin(), rubbish.end());
  RecordReader reader(damaged);
  EXPECT_EQ(packets_of(reader), packets_);
  ASSERT_EQ(reader.damage().size(), 1u);
  EXPECT_THAT(reader.damage()[0], HasSubstr("offset " + std::to_string(offsets_[1])));
  EXPECT_THAT(reader.damage()[0], HasSubstr("went on at offset " + std::to_string(offsets_[1] + rubbish.size())));
}

TEST_F(SmallRecordFile, AMissingBlockIsMissed) {
  auto damaged = bytes_;
  damaged.erase(damaged.begin() + static_cast<std::ptrdiff_t>(offsets_[0]),
                damaged.begin() + static_cast<std::ptrdiff_t>(offsets_[1]));
  RecordReader reader(damaged);
  EXPECT_EQ(packets_of(reader), Packets(packets_.begin() + 20, packets_.end()));
  ASSERT_EQ(reader.damage().size(), 1u);
  EXPECT_THAT(reader.damage()[0], HasSubstr("1 block is missing"));
}

TEST_F(SmallRecordFile, ABlockThatIsThereTwiceCountsOnce) {
  auto damaged = bytes_;
  const std::vector<std::uint8_t> block(bytes_.begin() + static_cast<std::ptrdiff_t>(offsets_[0]),
                                        bytes_.begin() + static_cast<std::ptrdiff_t>(offsets_[1]));
  damaged.insert(damaged.begin() + static_cast<std::ptrdiff_t>(offsets_[1]), block.begin(), block.end());
  RecordReader reader(damaged);
  EXPECT_EQ(packets_of(reader), packets_);
  EXPECT_EQ(reader.damage().size(), 1u);
}

TEST_F(SmallRecordFile, BlocksTellWhereADecoderStands) {
  RecordReader reader(bytes_);
  ArrivalOrder order(reader.start().spec);
  while (const auto block = reader.next()) {
    const auto& state = order.checkpoint();
    EXPECT_EQ(block->header.order, (record::Order{state.any, state.next_expected, state.previous_sequence,
                                                  state.previous_transit, state.scaled_jitter}));
    record::BlockDecoder records;
    record::Chunk chunk;
    records.open(reader.version(), block->header, block->bytes);
    while (records.next(chunk) == record::BlockDecoder::Step::chunk) {
      for (std::size_t i = 0; i < chunk.packets; ++i) {
        order.arrive(chunk.sequence[i]);
        order.vary(chunk.sequence[i], chunk.transit[i]);
      }
    }
  }
}

TEST_F(SmallRecordFile, AnotherFileBehindItIsToldOfAndLeftOut) {
  const Stream other = make_stream(6, 100);
  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), other, live_result(other, decode_live(other))), "");
  const auto more = file.read();
  for (const std::size_t kept : {bytes_.size(), bytes_.size() - 5, static_cast<std::size_t>(offsets_[2]) + 30}) {
    std::vector<std::uint8_t> joined(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(kept));
    joined.insert(joined.end(), more.begin(), more.end());
    RecordReader reader(joined);
    const Packets read = packets_of(reader);
    EXPECT_EQ(read, Packets(packets_.begin(), packets_.begin() + std::ssize(read)));
    EXPECT_GE(read.size(), 40u);
    EXPECT_EQ(reader.end().has_value(), kept == bytes_.size());
    ASSERT_FALSE(reader.damage().empty());
    EXPECT_EQ(reader.damage().back(), "offset " + std::to_string(kept) +
                                          ": another record file begins here: files were joined; from here on "
                                          "nothing is read");
  }
}

TEST_F(SmallRecordFile, ABlockOfAnotherFileIsLeftOut) {
  const Stream other = make_stream(6, 100);
  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), other, live_result(other, decode_live(other))), "");
  const auto more = file.read();
  RecordReader others(more);
  const auto block = others.next();
  ASSERT_TRUE(block);
  auto damaged = bytes_;
  damaged.insert(damaged.begin() + static_cast<std::ptrdiff_t>(offsets_[1]), block->bytes.begin(), block->bytes.end());
  RecordReader reader(damaged);
  EXPECT_EQ(packets_of(reader), packets_);
  EXPECT_EQ(reader.damage(),
            std::vector{"offset " + std::to_string(offsets_[1]) + ": a block of another record file; left out"});
}

TEST(RecordFile, IsReadableWhileItGrows) {
  const Stream stream = make_stream(1, 90, {.loss = 0, .duplicates = 0, .delayed = 0});
  const TemporaryFile file;
  RecordWriter writer(file.path(), stream.start, {.age = 10ms});
  RecordReader reader(file.path());
  std::size_t written = 0, read = 0;
  const auto read_all = [&] {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (read < written && std::chrono::steady_clock::now() < deadline) {
      read += packets_of(reader).size();
      std::this_thread::sleep_for(5ms);
    }
    return read;
  };
  for (const Call& call : stream.calls) {
    feed(writer, call);
    written += call.is_packet;
    if (written % 30 == 0) {
      ASSERT_EQ(read_all(), written);
    }
  }
  EXPECT_FALSE(reader.end());
  EXPECT_EQ(writer.finish(live_result(stream, decode_live(stream)), stream.finished), "");
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.end());
  EXPECT_EQ(reader.damage(), std::vector<std::string>{});
}

TEST(RecordFile, OfAWriterThatVanishedIsReadable) {
  const Stream stream = make_stream(1, 90, {.loss = 0, .duplicates = 0});
  const TemporaryFile file;
  {
    RecordWriter writer(file.path(), stream.start);
    for (const Call& call : stream.calls) feed(writer, call);
  }
  const Replay replay = paceline::replay(file.path());
  EXPECT_EQ(replay.result.received.packets, 90u);
  EXPECT_FALSE(replay.result.complete);
  ASSERT_EQ(replay.damage.size(), 1u);
  EXPECT_THAT(replay.damage[0], HasSubstr("the last block is missing"));
}

TEST(RecordFile, IsNeverOverwritten) {
  const TemporaryFile file;
  file.write({1, 2, 3});
  EXPECT_THROW(RecordWriter(file.path(), make_stream(1, 1).start), FileError);
  EXPECT_EQ(file.read(), (std::vector<std::uint8_t>{1, 2, 3}));
  EXPECT_THROW(RecordWriter("/no/such/directory/flow.paceline", make_stream(1, 1).start), FileError);
}

TEST(RecordFile, AWriterThatCannotKeepUpCountsWhatItLost) {
  Stream stream = make_stream(1, 1, {.loss = 0});  // 1000 packets/s: a ring of 4096
  stream.start.spec.duration = 1h;
  const TemporaryFile file;
  constexpr std::uint64_t kPackets = 200'000;
  std::uint64_t lost = 0;
  {
    RecordWriter writer(file.path(), stream.start);
    PacketObservation packet = stream.calls.at(0).packet;
    for (std::uint64_t i = 0; i < kPackets; ++i) writer.packet(packet);
    PacketFlowResult result;
    result.complete = true;
    EXPECT_EQ(writer.finish(result, stream.finished), "");
    lost = writer.lost_records();
  }
  EXPECT_GT(lost, 0u);
  RecordReader reader(file.path());
  EXPECT_EQ(packets_of(reader).size() + lost, kPackets);
  EXPECT_EQ(reader.end()->lost_records, lost);
  const Replay replay = paceline::replay(file.path());
  EXPECT_FALSE(replay.result.complete);
  EXPECT_THAT(replay.result.incomplete_reason, HasSubstr("could not keep up"));
}

TEST(RecordFile, CopiesCannotMakeItGrowWithoutEnd) {
  Stream stream = make_stream(1, 1000, {.loss = 0, .duplicates = 0, .delayed = 0});
  constexpr std::uint64_t kMost = 4 * (1000 + 1000);
  constexpr std::uint64_t kCopies = 10'000;
  const Call last = stream.calls.back();
  for (std::uint64_t i = 0; i < kCopies; ++i) stream.calls.push_back(last);
  Call counted = last;
  counted.is_packet = false;
  counted.what = Counted::unbound;
  counted.number = 7;
  stream.calls.push_back(counted);
  const auto handed_over = static_cast<std::uint64_t>(std::ranges::count(stream.calls, true, &Call::is_packet));
  const auto intervals = decode_live(stream);

  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), stream, live_result(stream, intervals)), "");
  RecordReader reader(file.path());
  EXPECT_EQ(packets_of(reader).size(), kMost);
  EXPECT_EQ(reader.end()->lost_records, handed_over - kMost);
  const Replay replay = paceline::replay(file.path());
  EXPECT_FALSE(replay.result.complete);
  EXPECT_EQ(replay.result.received.packets, 1000u);
  EXPECT_EQ(replay.result.received.unbound, total_of(intervals).received.unbound) << "events are still recorded";
}

TEST(RecordFile, EventsAreAddedUpWithinTheirInterval) {
  Stream stream = make_stream(1, 200, {.loss = 0, .duplicates = 0, .delayed = 0});
  std::vector<Call> flooded;
  std::uint64_t number = 1;
  for (const Call& call : stream.calls) {
    flooded.push_back(call);
    for (int i = 0; i < 100; ++i) {
      Call counted;
      counted.is_packet = false;
      counted.what = i % 2 ? Counted::unbound : Counted::invalid;
      counted.number = number++ % 3;
      counted.time = call.time;
      flooded.push_back(counted);
    }
  }
  stream.calls = std::move(flooded);
  const auto live = decode_live(stream);
  const TemporaryFile file;
  ASSERT_EQ(write_record(file.path(), stream, live_result(stream, live)), "");

  RecordReader reader(file.path());
  std::uint32_t records = 0;
  while (const auto block = reader.next()) records += static_cast<std::uint32_t>(block->header.records());
  EXPECT_LT(records, 200u + 200u) << "20000 events, in 4 intervals";
  std::vector<PacketInterval> replayed;
  const Replay replay = paceline::replay(
      file.path(), [&](const PacketInterval& interval, const PacketFlowSpec&) { replayed.push_back(interval); });
  EXPECT_EQ(replay.damage, std::vector<std::string>{});
  EXPECT_EQ(replayed, live);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)  // their shadow memory is resident too
std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

TEST(RecordFile, AWriterIsSmallUntilPacketsCome) {
  FlowStart start = make_stream(1, 1).start;
  start.spec.rate_pps = 1e6;
  std::vector<std::unique_ptr<TemporaryFile>> files;
  std::vector<std::unique_ptr<RecordWriter>> writers;
  const std::int64_t before = resident_bytes();
  for (int i = 0; i < 16; ++i) {
    files.push_back(std::make_unique<TemporaryFile>());
    writers.push_back(std::make_unique<RecordWriter>(files.back()->path(), start));
  }
  EXPECT_LT(resident_bytes() - before, 16 << 20);
}
#endif

// Writes more than there is room for; the error is told, what was lost is counted, what was written is
// readable.
void expect_survives_full_disk(const std::filesystem::path& path, const std::string& error) {
  Trouble trouble;
  trouble.loss = trouble.duplicates = 0;
  const Stream stream = make_stream(1, 6000, trouble);
  std::uint64_t packets = 0;
  std::uint64_t events = 0;
  {
    RecordWriter writer(path, stream.start, {.packets = 500});
    for (const Call& call : stream.calls) {
      feed(writer, call);
      ++(call.is_packet ? packets : events);
      if (packets % 500 == 0) std::this_thread::sleep_for(45ms);
    }
    EXPECT_EQ(writer.finish(PacketFlowResult{}, stream.finished), "write " + path.string() + ": " + error);
    EXPECT_GT(writer.lost_records(), 0u);
    RecordReader reader(path);
    const std::uint64_t read = packets_of(reader).size();
    EXPECT_GT(read, 0u);
    EXPECT_LE(read + writer.lost_records(), packets + events);
    EXPECT_GE(read + writer.lost_records(), packets);
  }
}

TEST(RecordFile, AFullDiskIsToldOfAndCostsNoMore) {
  const TemporaryFile file;
  const std::string directory = file.path().parent_path();
  if (mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=32k") != 0)
    GTEST_SKIP() << "mounting a tmpfs needs CAP_SYS_ADMIN";
  expect_survives_full_disk(file.path(), "No space left on device");
  EXPECT_EQ(umount(directory.c_str()), 0);
}

TEST(RecordFile, ALimitOfFileSizesIsToldOfAndCostsNoMore) {
  const TemporaryFile file;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{32 << 10, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_survives_full_disk(file.path(), "File too large");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
}

// Files were written once, by the first program that could; every later one must read them.
std::string replayed(const std::string& name) {
  std::string lines;
  Replay replay = paceline::replay(golden(name), [&](const PacketInterval& interval, const PacketFlowSpec&) {
    lines += render_ndjson(0, interval) + '\n';
  });
  EXPECT_EQ(replay.damage, std::vector<std::string>{});
  RunResult run;
  run.version = "1";
  run.flows.push_back(std::move(replay.result));
  return lines + render_ndjson(run) + '\n';
}

TEST(RecordFile, OfVersion1IsReadAsEver) { expect_golden("record_v1.ndjson", replayed("record_v1.paceline")); }

TEST(RecordFile, OfVersion2IsReadAsEver) {
  if (updating_golden() && !std::filesystem::exists(golden("record_v2.paceline"))) {
    const Stream stream = make_stream(42, 300);
    ASSERT_EQ(write_record(golden("record_v2.paceline"), stream, live_result(stream, decode_live(stream)), 70), "");
  }
  EXPECT_EQ(replayed("record_v2.paceline"), replayed("record_v1.paceline")) << "the same flow";
}

}  // namespace
}  // namespace paceline::decoder
