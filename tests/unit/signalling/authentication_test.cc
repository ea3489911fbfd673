// SPDX-License-Identifier: MIT
#include "signalling/authentication.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace paceline::signalling {
namespace {

const Key kKey{"lab", "sixteen bytes ok"};
const Key kOther{"other", "sixteen bytes no"};
const Opening kOpening{"hello, with a nonce", "welcome, with another"};

std::string text(const Digest& digest) { return std::string(view(digest)); }

TEST(Proof, OfAKeyIsKnownByItsName) {
  const std::vector<Key> keys{kOther, kKey};
  const Key* key = proven(keys, "lab", text(proof(kKey, kOpening, Side::sender)), kOpening);
  ASSERT_EQ(key, &keys[1]);
  EXPECT_EQ(proven(keys, "other", text(proof(kKey, kOpening, Side::sender)), kOpening), nullptr) << "another's name";
}

TEST(Proof, OfAnUnknownNameOrAWrongSecretIsNone) {
  const std::vector<Key> keys{kKey};
  EXPECT_EQ(proven(keys, "lob", text(proof({"lob", kKey.secret}, kOpening, Side::sender)), kOpening), nullptr);
  EXPECT_EQ(proven(keys, "lab", text(proof({"lab", kOther.secret}, kOpening, Side::sender)), kOpening), nullptr);
  // The secret that stands in for those of unknown names lets nobody in, whatever the name.
  const std::string nobodys(32, '\0');
  EXPECT_EQ(proven(keys, "", text(proof({"", nobodys}, kOpening, Side::sender)), kOpening), nullptr);
  EXPECT_EQ(proven(keys, "x", text(proof({"", nobodys}, kOpening, Side::sender)), kOpening), nullptr);
  EXPECT_EQ(proven({}, "", "", kOpening), nullptr);
}

TEST(Proof, OfOneSideIsNotTheOthers) {
  EXPECT_NE(proof(kKey, kOpening, Side::sender), proof(kKey, kOpening, Side::receiver));
  EXPECT_EQ(proven({kKey}, "lab", text(proof(kKey, kOpening, Side::receiver)), kOpening), nullptr);
}

TEST(Proof, CutOrChangedInAnyBitIsNone) {
  const std::string right = text(proof(kKey, kOpening, Side::sender));
  for (std::size_t size = 0; size < right.size(); ++size)
    EXPECT_EQ(proven({kKey}, "lab", right.substr(0, size), kOpening), nullptr) << size;
  EXPECT_EQ(proven({kKey}, "lab", right + '\0', kOpening), nullptr);
  for (std::size_t bit = 0; bit < right.size() * 8; ++bit) {
    std::string wrong = right;
    wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ 1 << bit % 8);
    EXPECT_EQ(proven({kKey}, "lab", wrong, kOpening), nullptr) << bit;
  }
}

TEST(Proof, HoldsForOneOpeningAlone) {
  const Digest right = proof(kKey, kOpening, Side::sender);
  for (std::size_t i = 0; i < kOpening.hello.size(); ++i) {
    Opening changed = kOpening;
    changed.hello[i] = static_cast<char>(changed.hello[i] ^ 1);
    EXPECT_NE(proof(kKey, changed, Side::sender), right) << i;
  }
  for (std::size_t i = 0; i < kOpening.welcome.size(); ++i) {
    Opening changed = kOpening;
    changed.welcome[i] = static_cast<char>(changed.welcome[i] ^ 1);
    EXPECT_NE(proof(kKey, changed, Side::sender), right) << i;
  }
  // What moves from one part into its neighbour changes the whole.
  EXPECT_NE(proof(kKey, {kOpening.hello + "w", kOpening.welcome.substr(1)}, Side::sender), right);
  EXPECT_NE(proof({"la", kKey.secret}, {"b" + kOpening.hello, kOpening.welcome}, Side::sender), right);
}

/// Frames that go from one side to the other.
class SessionSealTest : public testing::Test {
 protected:
  std::string seal(std::string frame) {
    const std::size_t size = frame.size();
    sending_.close(frame, 0);
    return frame.substr(size);
  }
  SessionSeal sending_{kKey, kOpening, Side::sender};
  SessionSeal checking_{kKey, kOpening, Side::sender};
};

TEST_F(SessionSealTest, HoldsFrameByFrame) {
  for (const std::string frame : {"one", "two", "two", ""}) {
    const std::string sealed = seal(frame);
    EXPECT_EQ(sealed.size(), frame::kSealSize);
    EXPECT_TRUE(checking_.holds(frame, sealed));
  }
}

TEST_F(SessionSealTest, LeavesWhatIsBeforeTheFrameAlone) {
  std::string out = "the frame before";
  const std::size_t begin = out.size();
  out += "one";
  sending_.close(out, begin);
  EXPECT_EQ(out.substr(0, begin + 3), "the frame beforeone");
  EXPECT_TRUE(checking_.holds("one", std::string_view(out).substr(begin + 3)));
}

TEST_F(SessionSealTest, DoesNotHoldWithAnyBitChanged) {
  const std::string frame = "one";
  const std::string sealed = seal(frame);
  for (std::size_t bit = 0; bit < (frame.size() + sealed.size()) * 8; ++bit) {
    std::string all = frame + sealed;
    all[bit / 8] = static_cast<char>(all[bit / 8] ^ 1 << bit % 8);
    SessionSeal fresh(kKey, kOpening, Side::sender);
    EXPECT_FALSE(fresh.holds(all.substr(0, frame.size()), all.substr(frame.size()))) << bit;
  }
}

TEST_F(SessionSealTest, DoesNotHoldTwice) {
  const std::string sealed = seal("one");
  EXPECT_TRUE(checking_.holds("one", sealed));
  EXPECT_FALSE(checking_.holds("one", sealed));
}

TEST_F(SessionSealTest, DoesNotHoldWhenOneWasLeftOut) {
  seal("one");
  EXPECT_FALSE(checking_.holds("two", seal("two")));
}

TEST_F(SessionSealTest, DoesNotHoldForTheOtherDirectionNorSessionNorKey) {
  const std::string sealed = seal("one");
  EXPECT_FALSE(SessionSeal(kKey, kOpening, Side::receiver).holds("one", sealed));
  EXPECT_FALSE(SessionSeal(kKey, {kOpening.hello, "another nonce"}, Side::sender).holds("one", sealed));
  EXPECT_FALSE(SessionSeal({kKey.name, kOther.secret}, kOpening, Side::sender).holds("one", sealed));
}

}  // namespace
}  // namespace paceline::signalling
