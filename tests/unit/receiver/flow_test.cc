// SPDX-License-Identifier: MIT
#include "receiver/flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/receiver/recording_listener.h"

namespace paceline::receiver {
namespace {

using namespace std::chrono_literals;
using traffic::Address;

constexpr std::uint32_t kId = 0xCAFE1234;
const ReceiverTime kNow{1000h};
const ReceiverTime kStart = kNow + 10ms;
const Address kPort = Address::parse("10.244.1.5", 8999);

Address client(int number) { return Address::parse("192.0.2." + std::to_string(number), 40000); }

/// A flow of 1000 packets a second of 64 bytes for 2 s, under a simulated clock; both ends read the same.
class FlowTest : public testing::Test {
 protected:
  traffic::Datagram datagram(const Address& from, std::size_t size = 64) const {
    traffic::Datagram datagram;
    datagram.bytes = std::span(bytes_).first(size);
    datagram.segment = size;
    datagram.from = from;
    datagram.to = kPort;
    return datagram;
  }

  std::optional<packet::ProbeReply> probe(const Address& from, const packet::Nonce& nonce = {}, ReceiverTime now = kNow,
                                          const Stamping& stamping = {Hook::tcx, "eth0", ""}) {
    packet::Probe probe;
    probe.flow_id = kId;
    probe.attempt = ++attempts_;
    probe.secret = secret_;
    probe.nonce = nonce;
    probe.sent = 77;
    if (!flow_->knows(probe)) return std::nullopt;
    return flow_->probe(probe, datagram(from), stamping, now);
  }

  std::string start(const packet::Nonce& nonce, bool tc_required = false) {
    decoder::FlowStart start;
    start.flow_id = kId;
    start.spec = spec_;
    start.start = SenderTime{kStart.time_since_epoch()};
    const std::string refused = flow_->bind(nonce, tc_required);
    start.hook = flow_->stamping().hook;
    if (refused.empty()) flow_->start(intake(start));
    return refused;
  }

  static FlowIntake intake(const decoder::FlowStart& start) {
    return {start, std::make_unique<decoder::FlowDecoder>(start), nullptr, false, {}};
  }

  /// Probed from client(1) and started, as spec_ says.
  void run_from_client() {
    if (spec_ != default_spec()) flow_.emplace(kId, secret_, spec_, std::make_unique<RecordingListener>(told_));
    const auto reply = probe(client(1));
    ASSERT_TRUE(reply.has_value());
    ASSERT_EQ(start(reply->nonce), "");
  }

  void data(std::uint32_t sequence, const Address& from, ReceiverTime now, nanoseconds delay = 1ms,
            std::size_t size = 64) {
    packet::Header header;
    header.flow_id = kId;
    header.sequence = sequence;
    header.send_time = static_cast<std::uint64_t>((now - delay).time_since_epoch().count()) & ((1ull << 48) - 1);
    flow_->data(header, datagram(from, size), decoder::PacketObservation::kNoStamp, now);
  }

  static PacketFlowSpec default_spec() {
    PacketFlowSpec spec;
    spec.rate_pps = 1000;
    spec.size = 64;
    spec.duration = 2s;
    spec.interval = 100ms;
    return spec;
  }

  PacketFlowSpec spec_ = default_spec();
  std::array<std::uint8_t, 2048> bytes_{};
  packet::Secret secret_{0x5E, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xE5};
  std::uint32_t attempts_ = 0;
  std::shared_ptr<Told> told_ = std::make_shared<Told>();
  std::optional<Flow> flow_{std::in_place, kId, secret_, spec_, std::make_unique<RecordingListener>(told_)};
};

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

class FlowData : public FlowTest {};

TEST_F(FlowData, BeforeTheStartIsNobodys) {
  ASSERT_TRUE(probe(client(1)).has_value());
  data(0, client(1), kNow);
  EXPECT_TRUE(told_->intervals.empty());
}

TEST_F(FlowData, FromElsewhereOrOfAnotherSizeIsCountedApart) {
  run_from_client();
  data(0, client(1), kStart + 1ms);
  data(1, client(2), kStart + 2ms);                           // another host
  data(1, Address::parse("192.0.2.1", 40001), kStart + 2ms);  // another port
  data(1, client(1), kStart + 3ms, 1ms, 63);
  data(1, client(1), kStart + 3ms, 1ms, 65);
  data(1, client(1), kStart + 3ms, 1ms, 18);
  flow_->done(2, kStart + 4ms);
  EXPECT_FALSE(flow_->finished());  // packet 1 has not arrived
  data(1, client(1), kStart + 5ms);
  ASSERT_TRUE(flow_->finished());
  const Received total = told_->total();
  EXPECT_EQ(total.packets, 2u);
  EXPECT_EQ(total.unbound, 2u);
  EXPECT_EQ(total.invalid, 3u);
  EXPECT_EQ(total.lost, 0);
}

TEST_F(FlowData, DelaysAreByTheSendersClockThroughTheMap) {
  const auto reply = probe(client(1));
  ASSERT_TRUE(reply.has_value());
  decoder::FlowStart start;
  start.flow_id = kId;
  start.spec = spec_;
  start.map.offset = 1000s;  // the receiver's clock is ahead
  start.start = SenderTime{kStart.time_since_epoch() - 1000s};
  ASSERT_EQ(flow_->bind(reply->nonce, false), "");
  flow_->start(intake(start));
  data(0, client(1), kStart + 7ms, 1000s + 7ms);
  data(1, client(1), kStart + 8ms, 1000s - 2ms);  // negative: shown, not dropped
  flow_->done(2, kStart + 9ms);
  ASSERT_TRUE(flow_->finished());
  PacketFlowResult result;
  for (const PacketInterval& interval : told_->intervals) decoder::accumulate(result, interval);
  EXPECT_EQ(result.statistics.segments[0].max, 7'000'000);
  EXPECT_EQ(result.statistics.segments[0].min, -2'000'000);
}

TEST_F(FlowData, LossInTheSocketIsCountedWhileTheFlowRuns) {
  flow_->lost_in_socket(100, kNow);  // not started: not its own
  run_from_client();
  flow_->lost_in_socket(5, kStart + 1ms);
  flow_->shares_socket_with(3);
  flow_->shares_socket_with(2);
  flow_->done(0, kStart + 2ms);
  flow_->lost_in_socket(100, kStart + 3ms);
  EXPECT_EQ(told_->total().lost_in_socket, 5u);
  EXPECT_EQ(told_->socket_flows, 3u);  // the most at a time
}

TEST_F(FlowData, OfAWarmUpIsInNoTotalButIsWaitedFor) {
  spec_.omit = 200ms;
  run_from_client();
  EXPECT_EQ(flow_->next_tick(), kStart + 100ms);
  for (std::uint32_t i = 0; i < 4; ++i) data(i, client(1), kStart + 100ms * i + 1ms);
  flow_->done(5, kStart + 400ms);  // two of them in the warm-up
  EXPECT_FALSE(flow_->finished());
  data(4, client(1), kStart + 401ms);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(told_->intervals.front().received.packets, 1u);
  PacketFlowResult result;
  result.spec = spec_;
  for (const PacketInterval& interval : told_->intervals) decoder::accumulate(result, interval);
  EXPECT_EQ(result.received.packets, 3u);
}

TEST_F(FlowData, WithAWarmUpHasItsOvertimeAfterBoth) {
  spec_.omit = 200ms;
  run_from_client();
  ReceiverTime due{};
  while (!flow_->finished()) flow_->tick(due = flow_->next_tick());
  EXPECT_EQ(due, kStart + 200ms + 2s + Flow::kOvertime);
}

/// Datagrams that arrived together.
class FlowSuperPackets : public FlowTest {
 protected:
  /// Packets from `sequence` on, of 64 bytes each; the last has `last` of them.
  void put(std::size_t packets, std::uint32_t sequence, std::size_t last = 64) {
    for (std::size_t i = 0; i < packets; ++i) {
      const packet::Header header = header_of(sequence + static_cast<std::uint32_t>(i), kStart - 1ms);
      packet::encode(header, std::span(bytes_).subspan(64 * i));
    }
    arrived_ = datagram(client(1), 64 * (packets - 1) + last);
    arrived_.segment = 64;
  }
  static packet::Header header_of(std::uint32_t sequence, ReceiverTime sent) {
    const auto time = static_cast<std::uint64_t>(sent.time_since_epoch().count());
    return {packet::Type::data, kId, sequence, time & ((1ull << 48) - 1), 7};
  }
  std::size_t take(ReceiverTime stamp = decoder::PacketObservation::kNoStamp) {
    const auto header = packet::decode_header(arrived_.bytes);
    return flow_->data(header.value_or(packet::Header{}), arrived_, stamp, kStart);
  }

  traffic::Datagram arrived_;
};

TEST_F(FlowSuperPackets, AreTakenAsARun) {
  run_from_client();
  put(30, 0);
  EXPECT_EQ(take(kStart - 300us), 30u);
  flow_->count_buffer();
  put(10, 31);
  EXPECT_EQ(take(), 10u);
  flow_->count_buffer();
  flow_->done(41, kStart + 1ms);
  flow_->abandon(kStart + 2ms);
  const Received total = told_->total();
  EXPECT_EQ(total.packets, 40u);
  EXPECT_EQ(total.bytes, 40u * 64);
  EXPECT_EQ(total.lost, 1);
  EXPECT_EQ(total.stamped, 30u);
  EXPECT_EQ(total.missed, 10u);
  EXPECT_EQ(told_->arrivals, (Arrivals{2, 0, false}));
  PacketFlowResult result;
  for (const PacketInterval& interval : told_->intervals) decoder::accumulate(result, interval);
  EXPECT_EQ(result.statistics.segments[0].count, 40u);
  EXPECT_EQ(result.statistics.segments[0].max, 1'000'000);
  EXPECT_EQ(result.statistics.segments[1].max, 1'000'007);
}

TEST_F(FlowSuperPackets, EndARunAtWhatDoesNotContinueIt) {
  run_from_client();
  put(10, 0);
  bytes_[64 * 4 + 3] ^= 1;  // another flow's
  EXPECT_EQ(take(), 4u);
  put(10, 4, 20);  // the last is too short
  EXPECT_EQ(take(), 9u);
  arrived_.bytes = arrived_.bytes.subspan(64 * 9);
  EXPECT_EQ(take(), 1u);
  flow_->abandon(kStart + 1ms);
  EXPECT_EQ(told_->total().packets, 13u);
  EXPECT_EQ(told_->total().invalid, 1u);
}

TEST_F(FlowSuperPackets, FromElsewhereAreUnboundOneByOne) {
  run_from_client();
  put(10, 0);
  arrived_.from = client(2);
  EXPECT_EQ(take(), 1u);
  flow_->abandon(kStart + 1ms);
  EXPECT_EQ(told_->total().unbound, 1u);
}

TEST_F(FlowSuperPackets, LoseInTheSocketWhatTheHookSawAndNobodyRead) {
  const auto reply = probe(client(1));
  ASSERT_TRUE(reply.has_value());
  ASSERT_EQ(flow_->bind(reply->nonce, false), "");
  decoder::FlowStart start;
  start.flow_id = kId;
  start.spec = spec_;
  start.start = SenderTime{kStart.time_since_epoch()};
  FlowIntake with_hook = intake(start);
  with_hook.coalesced = true;
  with_hook.at_hook = [] { return 100; };
  flow_->start(std::move(with_hook));
  flow_->lost_in_socket(5, kStart);  // super-packets, of whatever flow: the hook knows better
  put(30, 0);
  take();
  probe(client(1), reply->nonce);
  put(30, 60);
  arrived_.from = client(2);
  take();
  flow_->done(99, kStart + 1ms);
  EXPECT_TRUE(told_->intervals.empty());
  flow_->tick(kStart + 1s);
  ASSERT_TRUE(flow_->finished());
  const Received total = told_->total();
  EXPECT_EQ(total.packets, 30u);
  EXPECT_EQ(total.lost, 69);
  EXPECT_EQ(total.unbound, 1u);
  EXPECT_EQ(total.lost_in_socket, 100u - 30 - 1 - 1) << "a probe and a stranger's datagram were read as well";
  EXPECT_EQ(told_->arrivals, (Arrivals{0, 99, true})) << "the probe is no datagram of the flow";
}

/// A flow of exchanges.
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

class FlowDone : public FlowTest {
 protected:
  /// How long after FlowDone a flow whose only packet so far had this delay gives up on the second.
  nanoseconds wait_after_delay(nanoseconds delay) {
    run_from_client();
    data(0, client(1), kStart + 3s, delay);
    const ReceiverTime done = kStart + 3100ms;
    flow_->tick(done);
    flow_->done(2, done);
    EXPECT_FALSE(flow_->finished());
    for (int i = 0; i < 1000 && !flow_->finished(); ++i) {
      const ReceiverTime due = flow_->next_tick();
      flow_->tick(due - 1ns);
      EXPECT_FALSE(flow_->finished());
      flow_->tick(due);
    }
    EXPECT_TRUE(flow_->finished());
    EXPECT_EQ(told_->total().lost, 1);
    return told_->finished_at - done;
  }
};

TEST_F(FlowDone, FinishesAtOnceWhenAllHaveArrived) {
  run_from_client();
  for (std::uint32_t i = 0; i < 10; ++i) data(i, client(1), kStart + i * 1ms);
  flow_->done(10, kStart + 10ms);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(told_->finished, 1);
  EXPECT_EQ(told_->finished_at, kStart + 10ms);
  EXPECT_TRUE(told_->intervals.back().last);
  EXPECT_EQ(told_->total().packets, 10u);
  EXPECT_EQ(flow_->next_tick(), ReceiverTime::max());
}

TEST_F(FlowDone, FinishesWithTheLastStraggler) {
  run_from_client();
  data(0, client(1), kStart + 1ms);
  flow_->done(3, kStart + 2ms);
  data(2, client(1), kStart + 50ms);
  EXPECT_FALSE(flow_->finished());
  data(1, client(1), kStart + 60ms);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(told_->total().lost, 0);
  EXPECT_EQ(told_->total().reordered, 1u);
}

TEST_F(FlowDone, DuplicatesDoNotCountAsArrived) {
  run_from_client();
  for (int i = 0; i < 3; ++i) data(0, client(1), kStart + 1ms);
  flow_->done(2, kStart + 2ms);
  EXPECT_FALSE(flow_->finished());
}

TEST_F(FlowDone, WaitsTwoHundredMillisecondsAtLeast) { EXPECT_EQ(wait_after_delay(1ms), 200ms); }
TEST_F(FlowDone, WaitsTwoHundredMillisecondsForANegativeDelay) { EXPECT_EQ(wait_after_delay(-5s), 200ms); }
TEST_F(FlowDone, WaitsThreeTimesTheLargestDelay) { EXPECT_EQ(wait_after_delay(300ms), 900ms); }
TEST_F(FlowDone, WaitsTwoSecondsAtMost) { EXPECT_EQ(wait_after_delay(5s), 2s); }

TEST_F(FlowDone, ADelayBeyondReasonDoesNotOverflowTheWait) { EXPECT_EQ(wait_after_delay(30h), 2s); }

TEST_F(FlowDone, CountsOnlyOnce) {
  run_from_client();
  flow_->done(5, kStart + 1ms);
  flow_->done(0, kStart + 2ms);  // would finish it
  EXPECT_FALSE(flow_->finished());
}

TEST_F(FlowDone, BeforeTheStartMeansNothing) {
  flow_->done(0, kNow);
  EXPECT_FALSE(flow_->finished());
  EXPECT_EQ(told_->finished, 0);
}

TEST_F(FlowDone, WithMoreThanAFlowCanHaveSentIsOnlyLoss) {
  run_from_client();
  flow_->done(~std::uint64_t{0}, kStart + 1ms);
  flow_->tick(kStart + 10s);
  EXPECT_TRUE(flow_->finished());
}

class FlowAbandon : public FlowTest {};

TEST_F(FlowAbandon, FinishesARunningFlowOnce) {
  run_from_client();
  data(0, client(1), kStart + 1ms);
  data(2, client(1), kStart + 2ms);
  flow_->abandon(kStart + 3ms);
  flow_->abandon(kStart + 4ms);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(told_->finished, 1);
  EXPECT_EQ(told_->finished_at, kStart + 3ms);
  EXPECT_EQ(told_->total().packets, 2u);
  EXPECT_EQ(told_->total().lost, 1);  // the gap; what came after the last is not known
  data(1, client(1), kStart + 5ms);
  flow_->tick(kStart + 1h);
  EXPECT_EQ(told_->total().packets, 2u);
}

TEST_F(FlowAbandon, OfOneThatNeverStartedTellsNothing) {
  flow_->abandon(kNow);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(told_->finished, 0);
}

class FlowTick : public FlowTest {};

TEST_F(FlowTick, IsNeverDueBeforeTheStart) { EXPECT_EQ(flow_->next_tick(), ReceiverTime::max()); }

TEST_F(FlowTick, EndsEachIntervalWhenItIsDue) {
  run_from_client();
  EXPECT_EQ(flow_->next_tick(), kStart + 100ms);
  flow_->tick(kStart + 100ms - 1ns);
  EXPECT_TRUE(told_->intervals.empty());
  flow_->tick(kStart + 100ms);
  ASSERT_EQ(told_->intervals.size(), 1u);
  EXPECT_EQ(told_->intervals[0].end, 100ms);
  EXPECT_EQ(flow_->next_tick(), kStart + 200ms);
}

TEST_F(FlowTick, IsNeverDueAgainAtTheSameTime) {
  run_from_client();
  ReceiverTime now = kNow;
  int ticks = 0;
  for (; ticks < 1000; ++ticks) {
    const ReceiverTime due = flow_->next_tick();
    if (due == ReceiverTime::max()) break;
    ASSERT_GT(due, now);
    now = due;
    flow_->tick(now);
  }
  // The flow's regular intervals, and its end without a FlowDone.
  EXPECT_EQ(ticks, 21);
  EXPECT_EQ(told_->intervals.size(), 21u);
  EXPECT_TRUE(flow_->finished());
  EXPECT_EQ(now, kStart + 2s + Flow::kOvertime);
}

TEST_F(FlowTick, ALateOneCatchesUpAtOnce) {
  run_from_client();
  const ReceiverTime late = kStart + 1550ms;
  flow_->tick(late);
  EXPECT_EQ(told_->intervals.size(), 15u);
  EXPECT_EQ(flow_->next_tick(), kStart + 1600ms);
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
