// SPDX-License-Identifier: MIT
//
// Which probe goes where and when, until one comes back. Candidates race, started kStagger apart, the better one
// first. Each attempt is made from a fresh source port: behind a Service with several pods a retry from the same port
// would be sent to the same pod again. Pure: the caller sends, and says what came of it and when.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "paceline/clock.h"
#include "paceline/result.h"
#include "traffic/address.h"

namespace paceline::sender {

struct Candidate {
  traffic::Address address;
  std::string source;  // "user", "advertised", "receiver's port", "signalling port"
};

struct Attempt {
  std::uint32_t number = 0;  // 1, 2, ... over all candidates; a probe's sequence number
  std::size_t candidate = 0;
};

struct SearchPace {
  std::chrono::milliseconds again{50};  // between a candidate's attempts
  std::uint32_t attempts = 64;          // for each candidate
};

class PathSearch {
 public:
  static constexpr std::chrono::milliseconds kStagger{50};  // between candidates
  static constexpr std::uint32_t kUnreachableInARow = 3;    // then the candidate is given up
  static constexpr std::chrono::seconds kLastWait{2};       // for the reply to the last attempt

  /// `attempts_before`: numbers that are taken.
  PathSearch(std::vector<Candidate> candidates, SenderTime now, SearchPace pace = {},
             std::uint32_t attempts_before = 0);

  /// An attempt that is due by now, to be sent at once.
  std::optional<Attempt> next(SenderTime now);

  /// When to ask next() again, or exhausted() if there is nothing left to send: a time to come unless it is.
  SenderTime next_due() const;

  /// Nothing more to send and nothing more to wait for.
  bool exhausted(SenderTime now) const;

  void replied(const Attempt& attempt);
  /// The attempt's address could not be reached ("port unreachable (ICMP)").
  void unreachable(const Attempt& attempt, const std::string& why);
  /// Somebody else answered: the next attempt is due at once.
  void elsewhere(const Attempt& attempt, const std::string& why, SenderTime now);

  const Candidate& candidate(const Attempt& attempt) const { return states_[attempt.candidate].candidate; }
  std::uint32_t attempts() const { return attempts_; }
  std::vector<CandidateOutcome> outcomes() const;

 private:
  struct State {
    Candidate candidate;
    SenderTime due;  // of its next attempt
    SenderTime last_sent{};
    std::uint32_t attempts = 0;
    std::uint32_t unreachable_in_a_row = 0;
    std::uint32_t failed = 0;  // attempts of which it is known that no reply will come
    std::string failure;       // the last one's
    bool confirmed = false;

    bool more(std::uint32_t most) const { return attempts < most && !given_up() && !confirmed; }
    bool given_up() const { return unreachable_in_a_row >= kUnreachableInARow; }
  };

  bool over(const State& state, SenderTime now) const;

  SearchPace pace_;
  std::uint32_t attempts_before_;
  std::vector<State> states_;
  std::uint32_t attempts_ = 0;
};

}  // namespace paceline::sender
