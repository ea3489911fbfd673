// SPDX-License-Identifier: MIT
#include "traffic/record_stream.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace paceline::traffic {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kLargest = 300;

/// The stream of packets of these sizes; each packet's bytes are its number.
Bytes stream_of(const std::vector<std::uint32_t>& sizes) {
  Bytes stream;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    stream.resize(stream.size() + kRecordLengthSize);
    write_record_length(sizes[i], std::span(stream).last(kRecordLengthSize));
    stream.resize(stream.size() + sizes[i], static_cast<std::uint8_t>(i));
  }
  return stream;
}

/// Feeds `stream` cut into pieces of the size that `piece` says; returns the sizes of the packets that came out.
template <class Piece>
std::vector<std::uint32_t> split(const Bytes& stream, Piece piece) {
  RecordSplitter splitter(kLargest);
  std::vector<std::uint32_t> sizes;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t length = std::min<std::size_t>(piece(), stream.size() - at);
    const auto outcome =
        splitter.feed(std::span(stream).subspan(at, length), [&](std::span<const std::uint8_t> packet) {
          for (const std::uint8_t byte : packet) EXPECT_EQ(byte, sizes.size() % 256);
          sizes.push_back(static_cast<std::uint32_t>(packet.size()));
          return true;
        });
    EXPECT_EQ(outcome, RecordSplitter::Outcome::whole);
    at += length;
  }
  EXPECT_TRUE(splitter.between_records());
  return sizes;
}

TEST(RecordStreamTest, LengthIsBigEndian) {
  Bytes length(kRecordLengthSize);
  write_record_length(0x1234, length);
  EXPECT_EQ(length, (Bytes{0x12, 0x34}));
  EXPECT_EQ(read_record_length(length), 0x1234u);
}

TEST(RecordStreamTest, SplitsUnderEveryConstantCut) {
  const std::vector<std::uint32_t> sizes{18, 300, 19, 255, 256, 18, 18, 299};
  const Bytes stream = stream_of(sizes);
  for (std::size_t piece = 1; piece <= stream.size(); ++piece)
    EXPECT_EQ(split(stream, [piece] { return piece; }), sizes) << piece;
}

TEST(RecordStreamTest, SplitsUnderRandomCuts) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::uint32_t> sizes(1 + random() % 40);
    for (std::uint32_t& size : sizes) size = 18 + static_cast<std::uint32_t>(random()) % (kLargest - 17);
    EXPECT_EQ(split(stream_of(sizes), [&] { return 1 + random() % 700; }), sizes);
  }
}

TEST(RecordStreamTest, ALengthThatNoRecordHasEndsIt) {
  for (const std::uint32_t size : {0u, 17u, kLargest + 1, 0xFFFFu}) {
    for (const std::size_t cut : {1u, 2u}) {
      Bytes stream = stream_of({18});
      stream.resize(stream.size() + kRecordLengthSize);
      write_record_length(size, std::span(stream).last(kRecordLengthSize));
      RecordSplitter splitter(kLargest);
      int packets = 0;
      const auto take = [&](std::span<const std::uint8_t>) { return ++packets > 0; };
      const std::size_t first = stream.size() - cut;
      const auto outcome = splitter.feed(std::span(stream).first(first), take);
      EXPECT_EQ(outcome, RecordSplitter::Outcome::whole);
      EXPECT_EQ(splitter.feed(std::span(stream).subspan(first), take), RecordSplitter::Outcome::length) << size;
      EXPECT_EQ(packets, 1);
    }
  }
}

TEST(RecordStreamTest, StopsWhenToldTo) {
  RecordSplitter splitter(kLargest);
  int packets = 0;
  const auto outcome =
      splitter.feed(stream_of({20, 20, 20}), [&](std::span<const std::uint8_t>) { return ++packets < 2; });
  EXPECT_EQ(outcome, RecordSplitter::Outcome::stopped);
  EXPECT_EQ(packets, 2);
}

TEST(RecordStreamTest, KnowsThatARecordIsUnfinished) {
  RecordSplitter splitter(kLargest);
  const Bytes stream = stream_of({20});
  splitter.feed(std::span(stream).first(1), [](auto) { return true; });
  EXPECT_FALSE(splitter.between_records());
  splitter.feed(std::span(stream).subspan(1), [](auto) { return true; });
  EXPECT_TRUE(splitter.between_records());
}

}  // namespace
}  // namespace paceline::traffic
