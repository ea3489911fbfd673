// SPDX-License-Identifier: MIT
#include "proto/record_format.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <variant>

namespace paceline::record {
namespace {

using Record = std::variant<Packet, Event>;

struct Encoded {
  BlockHeader header;
  std::vector<std::uint8_t> padded;
  Bytes payload() const { return Bytes(padded).first(header.payload_size); }
};

Encoded encoded(BlockEncoder& encoder, const std::vector<Record>& records) {
  encoder.start({});
  for (const Record& record : records) std::visit([&](const auto& value) { encoder.add(value); }, record);
  Encoded block{encoder.header(0), {encoder.payload().begin(), encoder.payload().end()}};
  block.padded.resize(block.padded.size() + kPadding);
  return block;
}

std::vector<Record> decoded(const Encoded& block, BlockDecoder::Step* last = nullptr) {
  BlockDecoder decoder(block.header, block.payload());
  std::vector<Record> records;
  while (true) {
    Packet packet;
    Event event;
    const auto step = decoder.next(packet, event);
    if (last) *last = step;
    if (step == BlockDecoder::Step::packet)
      records.push_back(packet);
    else if (step == BlockDecoder::Step::event)
      records.push_back(event);
    else
      return records;
  }
}

TEST(RecordCodec, AnythingComesBack) {
  std::mt19937_64 random(1);
  const auto any = [&] { return static_cast<std::int64_t>(random()) >> (random() % 64); };
  BlockEncoder encoder;  // one for all: blocks must not depend on what the encoder did before
  for (int block = 0; block < 500; ++block) {
    std::vector<Record> records;
    for (std::uint64_t i = random() % 20; i > 0; --i) {
      if (random() % 4 == 0) {
        records.push_back(Event{static_cast<std::uint8_t>(1 + random() % 127), random() >> (random() % 64), any()});
      } else {
        const bool stamped = random() % 2;
        records.push_back(Packet{static_cast<std::uint64_t>(any()), any(), any(), stamped ? any() : 0, any(),
                                 static_cast<std::uint32_t>(any()), stamped});
      }
    }
    BlockDecoder::Step last{};
    ASSERT_EQ(decoded(encoded(encoder, records), &last), records);
    ASSERT_EQ(last, BlockDecoder::Step::end);
  }
}

TEST(RecordCodec, ASteadyFlowTakesFewBytes) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> lateness(3000, 2000), delay(45000, 12000), host(6000, 2500);
  BlockEncoder encoder;
  std::vector<Record> records;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    Packet packet;
    packet.sequence = i;
    packet.lateness = std::max<std::int64_t>(0, static_cast<std::int64_t>(lateness(random)));
    packet.tx_user = 1'000'000'000'000'000 + static_cast<std::int64_t>(i) * 1'000'000 + packet.lateness;
    packet.rx_user = packet.tx_user + 777'000'000'000 + static_cast<std::int64_t>(delay(random));
    packet.rx_tc = packet.rx_user - static_cast<std::int64_t>(host(random));
    packet.size = 512;
    packet.stamped = true;
    records.push_back(packet);
  }
  const auto block = encoded(encoder, records);
  EXPECT_LE(block.header.payload_size, 14 * records.size());
  EXPECT_EQ(decoded(block), records);
}

TEST(RecordCodec, NonsenseIsToldAndNothingBeyondThePaddingIsRead) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 20000; ++i) {
    Encoded block;
    block.padded.resize(random() % 100 + kPadding);
    for (auto& byte : block.padded) byte = static_cast<std::uint8_t>(random() | (i % 2 ? 0x80 : 0));
    block.padded.shrink_to_fit();  // the address sanitizer sees a step beyond
    block.header.payload_size = static_cast<std::uint32_t>(block.padded.size() - kPadding);
    block.header.records = static_cast<std::uint32_t>(random() % 100);
    ASSERT_LE(decoded(block).size(), block.header.records);
  }
}

TEST(RecordCodec, RecordsThatAreNotThereAreDamage) {
  BlockEncoder encoder;
  auto block = encoded(encoder, {Packet{}, Packet{}});
  BlockDecoder::Step last{};
  block.header.records = 3;
  decoded(block, &last);
  EXPECT_EQ(last, BlockDecoder::Step::damaged);
  block.header.records = 1;
  decoded(block, &last);
  EXPECT_EQ(last, BlockDecoder::Step::damaged);
}

TEST(BlockHeader, EveryFieldComesBack) {
  const std::vector<std::uint8_t> payload{1, 2, 3, 4, 5};
  const BlockHeader header{Kind::records, 5, 3, 4, {5, -6, 7, -8, 9, 10}, {true, 11, 12, -13, 14}};
  const auto bytes = encode(header, payload);
  EXPECT_EQ(decode_block_header(bytes), header);
  EXPECT_TRUE(payload_intact(bytes, payload));
}

TEST(BlockHeader, AFlippedBitIsFound) {
  const std::vector<std::uint8_t> payload{1, 2, 3, 4, 5};
  const auto bytes = encode({Kind::tail, 5, 0, 4, {}, {}}, payload);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(decode_block_header(flipped)) << bit;
  }
  for (std::size_t bit = 0; bit < payload.size() * 8; ++bit) {
    auto flipped = payload;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(payload_intact(bytes, flipped)) << bit;
  }
}

TEST(RecordHead, ComesBackAndDamageIsFound) {
  const std::string head = "what a decoder must know";
  const auto bytes = encode_head(head);
  const auto preamble = decode_preamble(Bytes(bytes).first(kPreambleSize));
  EXPECT_EQ(preamble.error, "");
  EXPECT_EQ(preamble.head_size, head.size());
  EXPECT_TRUE(head_intact(bytes));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto damaged = bytes;
    damaged[at] ^= 0x10;
    EXPECT_FALSE(head_intact(damaged)) << at;
  }
}

TEST(RecordHead, AnotherVersionIsNamed) {
  auto bytes = encode_head("");
  bytes[8] = 2;
  EXPECT_EQ(decode_preamble(Bytes(bytes).first(kPreambleSize)).error,
            "it has version 2 of the format, and this program reads version 1");
  bytes[0] = 'x';
  EXPECT_EQ(decode_preamble(Bytes(bytes).first(kPreambleSize)).error, "it is no Paceline record file");
}

}  // namespace
}  // namespace paceline::record
