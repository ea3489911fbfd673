// SPDX-License-Identifier: MIT
#include "proto/record_format.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace paceline::record {
namespace {

TEST(BlockHeader, EveryFieldComesBack) {
  const std::vector<std::uint8_t> payload{1, 2, 3, 4, 5};
  const BlockHeader header{Kind::records, 5, 3, 4, 6, 7, {true, 11, 12, -13, 14}};
  const auto bytes = encode(header, payload);
  EXPECT_EQ(decode_block_header(kVersion, bytes), header);
  EXPECT_TRUE(payload_intact(kVersion, bytes, payload));
}

TEST(BlockHeader, AFlippedBitIsFound) {
  const std::vector<std::uint8_t> payload{1, 2, 3, 4, 5};
  const auto bytes = encode({Kind::tail, 5, 0, 0, 4, 0, {}}, payload);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(decode_block_header(kVersion, flipped)) << bit;
  }
  for (std::size_t bit = 0; bit < payload.size() * 8; ++bit) {
    auto flipped = payload;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(payload_intact(kVersion, bytes, flipped)) << bit;
  }
}

TEST(BlockHeader, MoreThanABlockCanHoldIsRefused) {
  EXPECT_FALSE(decode_block_header(kVersion, encode({Kind::records, 0, kMaxPackets + 1, 0, 0, 0, {}}, {})));
  EXPECT_FALSE(decode_block_header(kVersion, encode({Kind::records, 0, 0, kMaxEvents + 1, 0, 0, {}}, {})));
  EXPECT_TRUE(decode_block_header(kVersion, encode({Kind::records, 0, kMaxPackets, kMaxEvents, 0, 0, {}}, {})));
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

TEST(RecordHead, TwoFilesHaveDifferentMarks) {
  EXPECT_NE(file_mark(encode_head("one")), file_mark(encode_head("two")));
}

TEST(RecordHead, AnotherVersionIsNamed) {
  auto bytes = encode_head("");
  EXPECT_EQ(decode_preamble(Bytes(bytes).first(kPreambleSize)).version, 2);
  for (const auto& [version, name] : {std::pair{3, "3"}, {0, "0"}}) {
    bytes[8] = static_cast<std::uint8_t>(version);
    EXPECT_EQ(decode_preamble(Bytes(bytes).first(kPreambleSize)).error,
              "it has version " + std::string(name) + " of the format, and this program reads versions 1 to 2");
  }
  bytes[0] = 'x';
  EXPECT_EQ(decode_preamble(Bytes(bytes).first(kPreambleSize)).error, "it is no Paceline record file");
}

}  // namespace
}  // namespace paceline::record
