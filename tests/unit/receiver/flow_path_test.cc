// SPDX-License-Identifier: MIT
//
// A flow and the addresses that it is probed from: nonces, binding, exchanges of clocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "receiver/flow.h"
#include "tests/unit/receiver/flow_fixture.h"
#include "traffic/random.h"

namespace paceline::receiver {
namespace {

class FlowProbe : public FlowTest {};

TEST_F(FlowProbe, IsAnsweredWithANonceAndTheSendersTime) {
  const auto reply = probe(client(1));
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->flow_id, kId);
  EXPECT_EQ(reply->attempt, 1u);
  EXPECT_EQ(reply->sent, 77u);
  EXPECT_NE(reply->nonce, packet::Nonce{});
  ASSERT_EQ(told_->confirmed.size(), 1u);
  EXPECT_EQ(told_->confirmed[0].attempt, 1u);
  EXPECT_EQ(told_->confirmed[0].arrived_at, "10.244.1.5:8999");
  EXPECT_EQ(told_->confirmed[0].seen_from, "192.0.2.1:40000");
  EXPECT_EQ(told_->confirmed[0].stamping, (Stamping{Hook::tcx, "eth0", ""}));
}

TEST_F(FlowProbe, WithAWrongSecretMeetsSilence) {
  for (std::size_t byte = 0; byte < secret_.size(); ++byte) {
    secret_[byte] ^= 1;
    EXPECT_FALSE(probe(client(1)).has_value()) << byte;
    secret_[byte] ^= 1;
  }
  EXPECT_TRUE(told_->confirmed.empty());
  EXPECT_TRUE(probe(client(1)).has_value());
}

TEST_F(FlowProbe, NoncesDifferByAddressAndStayTheSameForOne) {
  const auto first = probe(client(1)), second = probe(client(2)), again = probe(client(1));
  ASSERT_TRUE(first && second && again);
  EXPECT_NE(first->nonce, second->nonce);
  EXPECT_EQ(first->nonce, again->nonce);
  EXPECT_EQ(told_->confirmed.size(), 2u);  // each address is told once
}

TEST_F(FlowProbe, AtMostEightAnswersLeaveForOneAddressThatProvesNothing) {
  int answers = 0;
  for (int i = 0; i < 1000; ++i) answers += probe(client(1), {}, kNow + i * 1s).has_value();
  EXPECT_EQ(answers, 8);
}

TEST_F(FlowProbe, AtMostEightAnswersLeaveForManyAddressesThatProveNothing) {
  int answers = 0;
  for (int i = 0; i < 1000; ++i) answers += probe(client(i % 250), {}, kNow + i * 1s).has_value();
  EXPECT_EQ(answers, 8);
  EXPECT_EQ(told_->confirmed.size(), 8u);
}

TEST_F(FlowProbe, AWrongNonceProvesNothing) {
  packet::Nonce guess;
  guess.fill(0x11);
  int answers = 0;
  for (int i = 0; i < 100; ++i) answers += probe(client(1), guess).has_value();
  EXPECT_EQ(answers, 8);
}

TEST_F(FlowProbe, AnothersNonceProvesNothing) {
  const auto first = probe(client(1));
  ASSERT_TRUE(first.has_value());
  int answers = 1;
  for (int i = 0; i < 100; ++i) answers += probe(client(2), first->nonce).has_value();
  EXPECT_EQ(answers, 8);
}

TEST_F(FlowProbe, WithItsNonceProvesTheAddress) {
  const auto first = probe(client(1));
  ASSERT_TRUE(first.has_value());
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(probe(client(1), first->nonce).has_value()) << i;
  int answers = 1;  // proven ones took nothing from the others
  for (int i = 2; i < 100; ++i) answers += probe(client(i)).has_value();
  EXPECT_EQ(answers, 8);
}

// Whatever comes in whatever order, until an address has shown a nonce that was sent to itself.
TEST_F(FlowProbe, NoSequenceOfProbesEarnsMoreThanEightAnswersWithoutAProof) {
  const packet::Secret right = secret_;
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 dice(seed);
    const auto roll = [&](int sides) { return static_cast<int>(dice() % static_cast<std::uint32_t>(sides)); };
    flow_.emplace(kId, secret_, spec_, std::make_unique<RecordingListener>(told_));
    const int patient = roll(20);  // shows its own nonce, once it has one; the others never do
    std::map<int, packet::Nonce> sent;
    int unproven = 0;
    for (int step = 0; step < 300; ++step) {
      const int from = roll(20);
      packet::Nonce nonce{};
      if (roll(3) == 0) nonce = traffic::random_value<packet::Nonce>();
      if (const auto other = sent.find(roll(20)); other != sent.end() && other->first != from) nonce = other->second;
      const bool proves = from == patient && sent.contains(from);
      if (proves) nonce = sent[from];
      const bool knows = roll(4) != 0;
      if (!knows) secret_[static_cast<std::size_t>(roll(16))] ^= 1;
      const packet::Secret tried = secret_;
      const auto reply = probe(client(from), nonce, kNow + step * 1s);
      secret_ = right;
      EXPECT_TRUE(!reply || tried == right) << seed;
      if (!reply) continue;
      sent[from] = reply->nonce;
      if (!proves) ++unproven;
    }
    EXPECT_LE(unproven, 8) << seed;
    EXPECT_GT(unproven, 0) << seed;
  }
}

TEST_F(FlowProbe, OfAFlowThatIsOverMeetsSilence) {
  flow_->abandon(kNow);
  EXPECT_FALSE(probe(client(1)).has_value());
}

class FlowStartTest : public FlowTest {};

TEST_F(FlowStartTest, ByTheNonceOfAReply) {
  const auto first = probe(client(1));
  const auto second = probe(client(2), {}, kNow, {Hook::none, "", "no hook"});
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(flow_->started());
  EXPECT_EQ(start(second->nonce), "");
  EXPECT_TRUE(flow_->started());
  EXPECT_EQ(flow_->stamping().hook, Hook::none);  // that of the address which is used
  EXPECT_GT(flow_->duplicate_window(), 0u);
}

TEST_F(FlowStartTest, WithAForeignNonceIsRefused) {
  ASSERT_TRUE(probe(client(1)).has_value());
  packet::Nonce foreign;
  foreign.fill(0x11);
  EXPECT_THAT(start(foreign), testing::HasSubstr("nonce"));
  EXPECT_THAT(start(packet::Nonce{}), testing::HasSubstr("nonce"));
  EXPECT_FALSE(flow_->started());
}

TEST_F(FlowStartTest, ItsRungStaysWhatItWasBoundWith) {
  const auto reply = probe(client(1), {}, kNow, {Hook::tcx, "eth0", ""});
  ASSERT_TRUE(reply.has_value());
  ASSERT_EQ(start(reply->nonce), "");
  ASSERT_TRUE(probe(client(1), reply->nonce, kStart, {Hook::none, "", "shadowed"}).has_value());
  EXPECT_EQ(flow_->stamping().hook, Hook::tcx);
}

TEST_F(FlowStartTest, WithoutAnyProbeIsRefused) { EXPECT_THAT(start(packet::Nonce{}), testing::HasSubstr("nonce")); }

TEST_F(FlowStartTest, ASecondTimeIsRefused) {
  run_from_client();
  const auto reply = probe(client(1));
  ASSERT_TRUE(reply.has_value());
  EXPECT_THAT(start(reply->nonce), testing::HasSubstr("running already"));
}

TEST_F(FlowStartTest, WithoutARequiredTcStampIsRefusedWithTheReason) {
  for (const Hook hook : {Hook::none, Hook::netstamp}) {
    const auto reply = probe(client(1), {}, kNow, {hook, "", "lo has no hook"});
    ASSERT_TRUE(reply.has_value());
    EXPECT_THAT(start(reply->nonce, true), testing::HasSubstr("lo has no hook"));
    EXPECT_FALSE(flow_->started());
  }
  for (const Hook hook : {Hook::clsact}) {
    const auto reply = probe(client(1), {}, kNow, {hook, "eth0", ""});
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(start(reply->nonce, true), "");
  }
}

class FlowExchanges : public FlowTest {
 protected:
  FlowExchanges() {
    flow_->abandon(kNow);
    exchanges_.emplace(kId, secret_, ConnectionFlowSpec{}, std::make_unique<RecordingListener>(told_));
  }

  std::optional<packet::ProbeReply> exchange(const Address& from, const packet::Nonce& nonce) {
    packet::Probe probe;
    probe.flow_id = kId;
    probe.attempt = ++attempts_;
    probe.secret = secret_;
    probe.nonce = nonce;
    return exchanges_->knows(probe) ? exchanges_->probe(probe, datagram(from), {}, kNow) : std::nullopt;
  }

  std::optional<Flow> exchanges_;
};

TEST_F(FlowExchanges, AreAnsweredToEveryPortOfTheProvenAddress) {
  const auto first = exchange(client(1), {});
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(exchanges_->bind(first->nonce, false), "");
  for (std::uint16_t port = 1; port <= 5000; ++port) {
    const auto reply = exchange(Address::parse("192.0.2.1", port), first->nonce);
    ASSERT_TRUE(reply.has_value()) << port;
    EXPECT_EQ(reply->attempt, attempts_);
    EXPECT_EQ(reply->nonce, first->nonce);
  }
  EXPECT_EQ(exchanges_->answered(), 5000u);
  EXPECT_EQ(told_->confirmed.size(), 1u);
  EXPECT_EQ(exchanges_->next_tick(), ReceiverTime::max());
  exchanges_->abandon(kNow);
  EXPECT_EQ(told_->finished, 0);
  EXPECT_FALSE(exchange(client(1), first->nonce).has_value());
}

TEST_F(FlowExchanges, BeforeTheAddressIsProvenAFewAtMost) {
  const auto first = exchange(client(1), {});
  ASSERT_TRUE(first.has_value());
  int answers = 1;
  for (std::uint16_t port = 1; port <= 100; ++port)
    answers += exchange(Address::parse("192.0.2.1", port), first->nonce).has_value();
  EXPECT_EQ(answers, 8);
  EXPECT_EQ(exchanges_->answered(), 0u);
}

TEST_F(FlowExchanges, FromElsewhereOrWithoutTheNonceEarnAFewRepliesAtMost) {
  const auto first = exchange(client(1), {});
  ASSERT_TRUE(first.has_value());
  ASSERT_EQ(exchanges_->bind(first->nonce, false), "");
  int answers = 0;
  for (int i = 2; i < 100; ++i) answers += exchange(client(i), first->nonce).has_value();
  for (std::uint16_t port = 1; port <= 100; ++port)
    answers += exchange(Address::parse("192.0.2.1", port), {}).has_value();
  EXPECT_LE(answers, 8);
  EXPECT_EQ(exchanges_->answered(), 0u);
  EXPECT_TRUE(exchange(Address::parse("192.0.2.1", 7), first->nonce).has_value()) << "and the proven one goes on";
}

class FlowRebinding : public FlowTest {};

TEST_F(FlowRebinding, TheFlowFollowsAProvenProbeToItsNewAddress) {
  run_from_client();
  data(0, client(1), kStart + 1ms);
  data(1, client(2), kStart + 2ms);  // a NAT forgot the mapping: unbound until proven
  const auto reply = probe(client(2), {}, kStart + 3ms);
  ASSERT_TRUE(reply.has_value());
  data(2, client(2), kStart + 4ms);  // a reply left, but nobody returned its nonce
  ASSERT_TRUE(probe(client(2), reply->nonce, kStart + 5ms).has_value());
  data(3, client(2), kStart + 6ms);
  data(4, client(1), kStart + 7ms);
  flow_->done(5, kStart + 8ms);
  flow_->tick(kStart + 10s);
  ASSERT_TRUE(flow_->finished());
  const Received total = told_->total();
  EXPECT_EQ(total.packets, 2u);  // 0 and 3
  EXPECT_EQ(total.unbound, 3u);
  EXPECT_EQ(total.lost, 3);
}

TEST_F(FlowRebinding, AProbeWithoutTheNonceMovesNothing) {
  run_from_client();
  for (int i = 0; i < 5; ++i) probe(client(2), {}, kStart + 1ms);
  data(0, client(2), kStart + 2ms);
  data(0, client(1), kStart + 3ms);
  flow_->done(1, kStart + 4ms);
  ASSERT_TRUE(flow_->finished());
  EXPECT_EQ(told_->total().unbound, 1u);
  EXPECT_EQ(told_->total().packets, 1u);
}

TEST_F(FlowRebinding, AfterTheStartOneAnswerIsEarnedInFiveSeconds) {
  run_from_client();
  int answers = 0;
  ReceiverTime now = kStart;
  for (int i = 0; i < 3000; ++i, now += 100ms)  // 300 s of probes from everywhere
    answers += probe(Address::parse("198.51.100." + std::to_string(i % 250), 1), {}, now).has_value();
  EXPECT_GE(answers, 60);
  EXPECT_LE(answers, 7 + 61);  // what the start had left, and one in 5 s
}

TEST_F(FlowRebinding, ALostReplyIsNotTheLastOne) {
  // All replies went to addresses of before; then the mapping changes and the first reply over the new one is
  // lost.
  packet::Nonce nonce;
  for (int i = 1; i <= 8; ++i) {
    const auto reply = probe(client(i));
    ASSERT_TRUE(reply.has_value());
    nonce = reply->nonce;
  }
  ASSERT_EQ(start(nonce), "");
  ASSERT_TRUE(probe(client(100), {}, kStart + 1s).has_value());  // lost
  std::optional<packet::ProbeReply> reply;
  for (ReceiverTime now = kStart + 2s; now < kStart + 10s && !reply; now += 500ms) reply = probe(client(100), {}, now);
  ASSERT_TRUE(reply.has_value());
  EXPECT_TRUE(probe(client(100), reply->nonce, kStart + 11s).has_value());
  data(0, client(100), kStart + 12s);
  flow_->done(1, kStart + 12s);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(told_->total().packets, 1u);
}

TEST_F(FlowRebinding, TheBoundAddressIsNeverForgotten) {
  run_from_client();
  ReceiverTime now = kStart;
  for (int i = 0; i < 300; ++i, now += 6s) probe(Address::parse("198.51.100." + std::to_string(i % 250), 1), {}, now);
  const auto again = probe(client(1), {}, now);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(told_->confirmed.front().seen_from, client(1).to_string());
  data(0, client(1), now);
  flow_->done(1, now);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(told_->total().unbound, 0u);
}

}  // namespace
}  // namespace paceline::receiver
