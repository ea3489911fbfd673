// SPDX-License-Identifier: MIT
#include "sender/path_search.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace paceline::sender {
namespace {

using namespace std::chrono_literals;

const SenderTime kStart{10h};

std::vector<Candidate> two_candidates() {
  return {{traffic::Address::parse("192.0.2.7", 30899), "advertised"},
          {traffic::Address::parse("192.0.2.7", 8999), "receiver's port"}};
}

std::vector<Candidate> one_candidate() { return {two_candidates().front()}; }

struct Sent {
  nanoseconds at;  // since the start
  Attempt attempt;
};

/// Sends whatever is due, as the caller of a search does, until there is nothing more or `until`.
std::vector<Sent> drive(PathSearch& search, SenderTime from, SenderTime until) {
  std::vector<Sent> sent;
  for (SenderTime now = from; now <= until && !search.exhausted(now);) {
    while (const auto attempt = search.next(now)) sent.push_back({now - kStart, *attempt});
    const SenderTime due = search.next_due();
    EXPECT_TRUE(due > now || search.exhausted(now)) << "a busy loop at " << (now - kStart).count();
    if (due <= now) break;
    now = due;
  }
  return sent;
}

TEST(PathSearch, TriesTheBetterCandidateFirstAndStaggersTheOthers) {
  PathSearch search(two_candidates(), kStart);
  const auto sent = drive(search, kStart, kStart + 150ms);
  std::vector<std::pair<nanoseconds, std::size_t>> order;
  for (const Sent& one : sent) order.emplace_back(one.at, one.attempt.candidate);
  const std::vector<std::pair<nanoseconds, std::size_t>> expected{{0ms, 0},   {50ms, 0},  {50ms, 1}, {100ms, 0},
                                                                  {100ms, 1}, {150ms, 0}, {150ms, 1}};
  EXPECT_EQ(order, expected);
  for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(sent[i].attempt.number, i + 1);
  EXPECT_EQ(search.candidate(sent[2].attempt).source, "receiver's port");
}

TEST(PathSearch, NothingIsDueEarly) {
  PathSearch search(two_candidates(), kStart);
  EXPECT_EQ(search.next_due(), kStart);
  EXPECT_FALSE(search.next(kStart - 1ns).has_value());
  EXPECT_TRUE(search.next(kStart).has_value());
  EXPECT_FALSE(search.next(kStart + 49ms).has_value());
  EXPECT_EQ(search.next_due(), kStart + 50ms);
}

TEST(PathSearch, ALateCallerDoesNotSendABurst) {
  PathSearch search(one_candidate(), kStart);
  ASSERT_TRUE(search.next(kStart).has_value());
  ASSERT_TRUE(search.next(kStart + 1s).has_value());
  EXPECT_FALSE(search.next(kStart + 1s).has_value());
  EXPECT_EQ(search.next_due(), kStart + 1050ms);
}

TEST(PathSearch, MakesSixtyFourAttemptsThenWaitsTwoSecondsForTheLast) {
  PathSearch search(one_candidate(), kStart);
  const auto sent = drive(search, kStart, SenderTime::max());
  ASSERT_EQ(sent.size(), 64u);
  EXPECT_EQ(sent.back().at, 63 * 50ms);
  EXPECT_EQ(sent.back().attempt.number, 64u);
  EXPECT_EQ(search.attempts(), 64u);
  const SenderTime last = kStart + sent.back().at;
  EXPECT_EQ(search.next_due(), last + 2s);
  EXPECT_FALSE(search.exhausted(last + 2s - 1ns));
  EXPECT_TRUE(search.exhausted(last + 2s));
  ASSERT_EQ(search.outcomes().size(), 1u);
  EXPECT_EQ(search.outcomes()[0].outcome, "no reply in 2 s");
  EXPECT_EQ(search.outcomes()[0].attempts, 64u);
}

TEST(PathSearch, EachCandidateHasItsOwnAttempts) {
  PathSearch search(two_candidates(), kStart);
  EXPECT_EQ(drive(search, kStart, SenderTime::max()).size(), 128u);
  EXPECT_EQ(search.attempts(), 128u);
}

TEST(PathSearch, GivesACandidateUpAfterThreeUnreachables) {
  PathSearch search(two_candidates(), kStart);
  SenderTime now = kStart;
  for (int i = 0; i < 3; ++i, now += 50ms) {
    while (const auto attempt = search.next(now))
      if (attempt->candidate == 0) search.unreachable(*attempt, "port unreachable (ICMP)");
  }
  const auto sent = drive(search, now, now + 1s);
  EXPECT_FALSE(sent.empty());
  for (const Sent& one : sent) EXPECT_EQ(one.attempt.candidate, 1u);
  EXPECT_EQ(search.outcomes()[0].outcome, "port unreachable (ICMP)");
  EXPECT_EQ(search.outcomes()[0].attempts, 3u);
  EXPECT_EQ(search.outcomes()[1].outcome, "no reply before another was confirmed");
}

TEST(PathSearch, IsExhaustedAtOnceWhenAllAreUnreachable) {
  PathSearch search(one_candidate(), kStart);
  SenderTime now = kStart;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(search.exhausted(now));
    now = search.next_due();
    const auto attempt = search.next(now);
    ASSERT_TRUE(attempt.has_value());
    search.unreachable(*attempt, "host unreachable (ICMP)");
  }
  EXPECT_TRUE(search.exhausted(now));
  EXPECT_FALSE(search.next(now + 1h).has_value());
}

TEST(PathSearch, TellsWhatBecameOfEachCandidate) {
  PathSearch search(two_candidates(), kStart);
  const auto attempt = search.next(kStart);
  ASSERT_TRUE(attempt.has_value());
  search.replied(*attempt);
  const auto outcomes = search.outcomes();
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[0], (CandidateOutcome{"192.0.2.7:30899", "advertised", 1, "confirmed"}));
  EXPECT_EQ(outcomes[1], (CandidateOutcome{"192.0.2.7:8999", "receiver's port", 0, "not tried: another was faster"}));
}

TEST(PathSearch, AConfirmedCandidateIsTriedNoMore) {
  PathSearch search(one_candidate(), kStart);
  search.replied(*search.next(kStart));
  EXPECT_FALSE(search.next(kStart + 1s).has_value());
}

TEST(PathSearch, SomebodyElsesAnswerMakesTheNextAttemptDueAtOnce) {
  PathSearch search(one_candidate(), kStart, {1s, 3}, 100);
  SenderTime now = kStart;
  for (std::uint32_t i = 1; i <= 3; ++i, now += 1ms) {
    const auto attempt = search.next(now);
    ASSERT_TRUE(attempt.has_value());
    EXPECT_EQ(attempt->number, 100 + i);
    search.elsewhere(*attempt, "another pod", now);
  }
  EXPECT_FALSE(search.next(now + 1h).has_value());
  EXPECT_TRUE(search.exhausted(now));  // nothing to wait for
  EXPECT_EQ(search.attempts(), 3u);
  EXPECT_EQ(search.outcomes()[0].outcome, "another pod");
}

TEST(PathSearch, SomebodyElsesAnswersAreNoReasonToGiveUp) {
  PathSearch search(one_candidate(), kStart);
  for (int i = 0; i < 64; ++i) {
    const auto attempt = search.next(kStart);
    ASSERT_TRUE(attempt.has_value());
    search.elsewhere(*attempt, "another pod", kStart);
  }
  EXPECT_TRUE(search.exhausted(kStart));
}

TEST(PathSearch, AnUnreachableIsTriedAgainSoonerThanASilentOne) {
  PathSearch search(one_candidate(), kStart, {1s, 64});
  search.unreachable(*search.next(kStart), "refused");
  EXPECT_EQ(search.next_due(), kStart + 50ms);
}

TEST(PathSearch, WithoutCandidatesIsExhausted) {
  const PathSearch search({}, kStart);
  EXPECT_TRUE(search.exhausted(kStart));
  EXPECT_TRUE(search.outcomes().empty());
}

}  // namespace
}  // namespace paceline::sender
