// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proto/frame.h"

namespace paceline::frame {
namespace {

/// Carries the frame's number and its bytes' sum: enough to see which frame a seal belongs to.
class NumberedSeal : public Seal {
 public:
  void close(std::string& out, std::size_t begin) override { out += next(std::string_view(out).substr(begin)); }
  bool holds(std::string_view frame, std::string_view seal) override { return seal == next(frame); }

 private:
  std::string next(std::string_view frame) {
    unsigned sum = 0;
    for (const char byte : frame) sum = sum * 31 + static_cast<unsigned char>(byte);
    std::string text = std::to_string(count_++) + " " + std::to_string(sum);
    text.resize(kSealSize, ' ');
    return text;
  }
  unsigned count_ = 0;
};

std::string sealed(const std::vector<std::string>& messages) {
  NumberedSeal seal;
  std::string stream;
  for (const std::string& message : messages) stream += encode(message, &seal);
  return stream;
}

/// What a reader that expects seals makes of a stream, until it objects.
struct Read {
  std::vector<std::string> messages;
  std::string objection;
};

Read read(std::string_view stream, std::size_t step = 1000) {
  NumberedSeal seal;
  Reader reader(1 << 20);
  reader.expect_seal(seal);
  Read read;
  try {
    for (std::size_t at = 0; at < stream.size(); at += step) {
      reader.push(stream.substr(at, step));
      while (auto message = reader.next()) read.messages.push_back(std::move(*message));
    }
  } catch (const FrameError& error) {
    read.objection = error.what();
  }
  return read;
}

TEST(SealedFrame, CarriesItsSealBehindThePayload) {
  const std::string stream = sealed({"abc"});
  EXPECT_EQ(stream.size(), kHeadSize + 3 + kSealSize);
  EXPECT_EQ(stream[4], static_cast<char>(kAuthenticated));
  EXPECT_EQ(stream.substr(kHeadSize, 3), "abc");
}

TEST(SealedFrame, MessagesSurviveAnySplitAndAnyNumberOfFrames) {
  const std::vector<std::string> messages{"first", "", std::string(3 * kMaxPayload + 5, 'x'), "last"};
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, std::size_t{1} << 20}) {
    const Read all = read(sealed(messages), step);
    EXPECT_EQ(all.messages, messages) << "in steps of " << step;
    EXPECT_EQ(all.objection, "");
  }
}

TEST(SealedFrame, OneThatDoesNotHoldEndsTheStreamAndTellsNothing) {
  std::string stream = sealed({"first", "second"});
  char& last = stream[stream.size() - kSealSize - 1];
  last = static_cast<char>(last ^ 1);
  const Read some = read(stream);
  EXPECT_EQ(some.messages, std::vector<std::string>{"first"});
  EXPECT_EQ(some.objection, kNotAuthentic);
}

TEST(SealedFrame, AFrameWithoutASealIsNoneOfThePeers) {
  EXPECT_EQ(read(encode("abc")).objection, kNotAuthentic);
  EXPECT_EQ(read(sealed({"first"}) + encode("abc")).objection, kNotAuthentic);
}

TEST(SealedFrame, ALengthThatCannotBeIsNotWaitedFor) {
  std::string head = sealed({"abc"}).substr(0, kHeadSize);
  head[0] = 1;
  EXPECT_EQ(read(head).objection, kNotAuthentic);
}

TEST(SealedFrame, BoundsHoldForPeersThatAreAuthenticToo) {
  NumberedSeal ours, theirs;
  Reader reader(10);
  reader.expect_seal(theirs);
  reader.push(encode("more than ten bytes", &ours));
  try {
    reader.next();
    FAIL() << "more than the reader's limit";
  } catch (const FrameError& error) {
    EXPECT_STREQ(error.what(), "a message of more than 10 bytes");
  }
}

TEST(SealedFrame, FromTheMiddleOfAStreamOn) {
  NumberedSeal ours, theirs;
  Reader reader(1000);
  reader.push(encode("open") + encode("sealed", &ours));
  EXPECT_EQ(reader.next(), "open");
  reader.expect_seal(theirs);
  EXPECT_EQ(reader.next(), "sealed");
}

}  // namespace
}  // namespace paceline::frame
