// SPDX-License-Identifier: MIT
#include "proto/record_columns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <variant>

namespace paceline::record {
namespace {

using Record = std::variant<Packet, Event>;

struct Encoded {
  BlockHeader header;
  std::vector<std::uint8_t> bytes;  // header and payload
};

Encoded encoded(BlockEncoder& encoder, const std::vector<Record>& records) {
  encoder.start({});
  for (const Record& record : records) std::visit([&](const auto& value) { encoder.add(value); }, record);
  const auto [header, payload] = encoder.pack(7, 9);
  const auto head = encode(header, payload);
  Encoded block{header, std::vector<std::uint8_t>(head.size() + payload.size())};
  std::ranges::copy(head, block.bytes.begin());
  std::ranges::copy(payload, block.bytes.begin() + static_cast<std::ptrdiff_t>(head.size()));
  return block;
}

std::vector<Record> decoded(const Encoded& block, BlockDecoder::Step* last = nullptr) {
  BlockDecoder decoder;
  decoder.open(kVersion, block.header, block.bytes);
  const auto chunk = std::make_unique<Chunk>();
  std::vector<Record> records;
  auto step = decoder.next(*chunk);
  for (; step == BlockDecoder::Step::chunk; step = decoder.next(*chunk)) {
    for (std::size_t i = 0; i < chunk->packets; ++i) {
      records.push_back(chunk->packet(i));
      if (chunk->consecutive && i > 0) {
        EXPECT_EQ(chunk->sequence[i], chunk->sequence[i - 1] + 1);
      }
      if (chunk->all_stamped) {
        EXPECT_TRUE(chunk->stamped[i]);
      }
    }
    if (chunk->event) records.push_back(*chunk->event);
  }
  if (last) *last = step;
  return records;
}

// What sequences() should answer.
std::vector<SequenceRun> runs_of(const std::vector<Record>& records) {
  std::vector<SequenceRun> runs;
  for (const Record& record : records) {
    const auto* packet = std::get_if<Packet>(&record);
    if (packet == nullptr) continue;
    if (!runs.empty() && packet->sequence == runs.back().first + runs.back().packets) {
      ++runs.back().packets;
    } else {
      runs.push_back({packet->sequence, 1});
    }
  }
  return runs;
}

// A steady flow over a virtual network.
std::vector<Record> steady(std::size_t packets) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> lateness(3000, 2000), delay(45000, 12000), host(6000, 2500);
  std::vector<Record> records;
  for (std::uint64_t i = 0; i < packets; ++i) {
    Packet packet;
    packet.sequence = i;
    packet.lateness = std::max<std::int64_t>(0, static_cast<std::int64_t>(lateness(random)));
    packet.tx_user = 1'000'000'000'000'000 + static_cast<std::int64_t>(i) * 1'000'000 + packet.lateness;
    packet.rx_user = packet.tx_user + 777'000'000'000 + static_cast<std::int64_t>(delay(random));
    packet.rx_tc = packet.rx_user - static_cast<std::int64_t>(host(random));
    packet.size = 512;
    packet.stamped = true;
    records.emplace_back(packet);
  }
  return records;
}

TEST(RecordColumns, AnythingComesBack) {
  std::mt19937_64 random(1);
  const auto any = [&] { return static_cast<std::int64_t>(random()) >> (random() % 64); };
  BlockEncoder encoder;  // one for all: blocks must not depend on what the encoder did before
  for (int block = 0; block < 500; ++block) {
    std::vector<Record> records;
    const std::uint64_t spread = random() % 64;  // columns of each width
    for (std::uint64_t i = random() % (block % 10 == 0 ? 2000 : 30); i > 0; --i) {
      if (random() % 4 == 0) {
        records.emplace_back(Event{static_cast<std::uint8_t>(1 + random() % 127), random() >> (random() % 64), any()});
      } else {
        const bool stamped = random() % 2;
        records.emplace_back(Packet{static_cast<std::uint64_t>(any() >> spread), any() >> spread, any() >> spread,
                                    stamped ? any() >> spread : 0, any() >> spread, static_cast<std::uint32_t>(any()),
                                    stamped});
      }
    }
    const Encoded block_bytes = encoded(encoder, records);
    BlockDecoder::Step last{};
    ASSERT_EQ(decoded(block_bytes, &last), records);
    ASSERT_EQ(last, BlockDecoder::Step::end);
    BlockDecoder decoder;
    std::vector<SequenceRun> runs;
    ASSERT_TRUE(decoder.sequences(kVersion, block_bytes.header, block_bytes.bytes, runs));
    ASSERT_EQ(runs, runs_of(records));
  }
}

TEST(RecordColumns, ASteadyFlowTakesFewBytes) {
  BlockEncoder encoder;
  const auto records = steady(4000);
  const Encoded block = encoded(encoder, records);
  EXPECT_LE(block.bytes.size(), 6 * records.size());
  EXPECT_EQ(decoded(block), records);
}

TEST(RecordColumns, AFullBlockFitsWhateverItHolds) {
  std::mt19937_64 random(3);
  const auto any = [&] { return static_cast<std::int64_t>(random()); };
  BlockEncoder encoder;
  encoder.start({});
  for (std::size_t i = 0; i < kMaxEvents - 1; ++i) encoder.add(Event{1, random(), any()});
  EXPECT_FALSE(encoder.full());
  for (std::size_t i = 0; i < kMaxPackets; ++i)
    encoder.add(Packet{random(), any(), any(), any(), any(), static_cast<std::uint32_t>(random()), true});
  EXPECT_TRUE(encoder.full());
  const auto [header, payload] = encoder.pack(0, 0);
  EXPECT_LE(payload.size(), kMaxPayload);
  EXPECT_TRUE(decode_block_header(kVersion, encode(header, payload)));
}

TEST(RecordColumns, NonsenseIsToldAndNothingElseIsRead) {
  std::mt19937_64 random(2);
  BlockEncoder encoder;
  auto records = steady(300);
  records.insert(records.begin() + 100, Event{1, 2, 3});
  const Encoded good = encoded(encoder, records);
  for (int i = 0; i < 20000; ++i) {
    Encoded block = good;
    for (std::uint64_t flips = 1 + random() % 4; flips > 0; --flips)
      block.bytes[kBlockHeaderSize + random() % (i % 2 ? 200 : block.bytes.size() - kBlockHeaderSize)] ^=
          static_cast<std::uint8_t>(1U << random() % 8);
    if (random() % 8 == 0) block.bytes.resize(kBlockHeaderSize + random() % (block.bytes.size() - kBlockHeaderSize));
    block.bytes.shrink_to_fit();  // the address sanitizer sees a step beyond
    ASSERT_LE(decoded(block).size(), records.size() + 1);
  }
}

TEST(RecordColumns, RecordsThatAreNotThereAreDamage) {
  BlockEncoder encoder;
  for (const std::uint32_t packets : {0U, 299U, 301U, static_cast<std::uint32_t>(kMaxPackets)}) {
    Encoded block = encoded(encoder, steady(300));
    block.header.packets = packets;
    BlockDecoder::Step last{};
    EXPECT_TRUE(decoded(block, &last).empty());
    EXPECT_EQ(last, BlockDecoder::Step::damaged) << packets;
  }
}

}  // namespace
}  // namespace paceline::record
