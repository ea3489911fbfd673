// SPDX-License-Identifier: MIT
#include "proto/frame.h"

#include <gtest/gtest.h>

#include <vector>

namespace paceline::frame {
namespace {

std::string head(std::size_t length, std::uint8_t flags) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(length >> shift & 0xFF));
  bytes.push_back(static_cast<char>(flags));
  return bytes;
}

TEST(Frame, AMessageIsOneFrameWithItsLengthFirst) { EXPECT_EQ(encode("abc"), head(3, 0) + "abc"); }

TEST(Frame, AnEmptyMessageIsAFrameToo) {
  Reader reader(16);
  reader.push(encode(""));
  EXPECT_EQ(reader.next(), "");
  EXPECT_EQ(reader.next(), std::nullopt);
}

TEST(Frame, MessagesSurviveAnySplitOfTheStream) {
  const std::vector<std::string> messages{"first", "", std::string(kMaxPayload, 'x'),
                                          std::string(2 * kMaxPayload + 1, 'y')};
  std::string stream;
  for (const auto& message : messages) stream += encode(message);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, stream.size()}) {
    Reader reader(1 << 20);
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      reader.push(std::string_view(stream).substr(at, step));
      while (auto message = reader.next()) seen.push_back(std::move(*message));
    }
    EXPECT_EQ(seen, messages) << "in steps of " << step;
  }
}

TEST(Frame, ALengthBeyondTheLimitIsRefusedBeforeItsBytesCome) {
  Reader reader(1 << 20);
  reader.push(head(kMaxPayload + 1, 0));
  EXPECT_THROW(reader.next(), FrameError);
}

TEST(Frame, AMessageBeyondTheReadersLimitIsRefused) {
  Reader reader(10);
  reader.push(head(6, kMore) + "abcdef" + head(5, 0));
  EXPECT_THROW(reader.next(), FrameError);
}

TEST(Frame, FlagsWithoutAMeaningHereAreRefused) {
  for (const int flags : {static_cast<int>(kAuthenticated), 0x04, 0x80, 0xFF}) {
    Reader reader(10);
    reader.push(head(1, static_cast<std::uint8_t>(flags)) + "a");
    EXPECT_THROW(reader.next(), FrameError) << flags;
  }
}

TEST(Frame, EmptyFramesCannotGoOnForever) {
  Reader reader(10);
  reader.push(head(0, kMore));
  EXPECT_THROW(reader.next(), FrameError);
}

}  // namespace
}  // namespace paceline::frame
