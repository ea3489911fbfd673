// SPDX-License-Identifier: MIT
#include "sender/path_search.h"

#include <algorithm>

namespace paceline::sender {

PathSearch::PathSearch(std::vector<Candidate> candidates, SenderTime now, SearchPace pace,
                       std::uint32_t attempts_before)
    : pace_(pace), attempts_before_(attempts_before) {
  for (Candidate& candidate : candidates) {
    State state;
    state.candidate = std::move(candidate);
    state.due = now + kStagger * static_cast<int>(states_.size());
    states_.push_back(std::move(state));
  }
}

std::optional<Attempt> PathSearch::next(SenderTime now) {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    State& state = states_[i];
    if (!state.more(pace_.attempts) || state.due > now) continue;
    state.due = now + pace_.again;
    state.last_sent = now;
    ++state.attempts;
    return Attempt{attempts_before_ + ++attempts_, i};
  }
  return std::nullopt;
}

SenderTime PathSearch::next_due() const {
  SenderTime next = SenderTime::max();  // what is to be sent
  SenderTime last_wait = SenderTime::min();
  for (const State& state : states_) {
    if (state.more(pace_.attempts)) {
      next = std::min(next, state.due);
    } else if (!state.given_up() && state.failed < state.attempts) {
      last_wait = std::max(last_wait, state.last_sent + kLastWait);
    }
  }
  return next == SenderTime::max() ? last_wait : next;
}

bool PathSearch::exhausted(SenderTime now) const {
  return std::all_of(states_.begin(), states_.end(), [&](const State& state) { return over(state, now); });
}

bool PathSearch::over(const State& state, SenderTime now) const {
  if (state.given_up()) return true;
  return !state.more(pace_.attempts) && (state.failed == state.attempts || now >= state.last_sent + kLastWait);
}

void PathSearch::replied(const Attempt& attempt) { states_[attempt.candidate].confirmed = true; }

void PathSearch::unreachable(const Attempt& attempt, const std::string& why) {
  State& state = states_[attempt.candidate];
  ++state.unreachable_in_a_row;
  ++state.failed;
  state.failure = why;
  state.due = std::min(state.due, state.last_sent + kStagger);
}

void PathSearch::elsewhere(const Attempt& attempt, const std::string& why, SenderTime now) {
  State& state = states_[attempt.candidate];
  state.unreachable_in_a_row = 0;
  ++state.failed;
  state.failure = why;
  state.due = now;
}

std::vector<CandidateOutcome> PathSearch::outcomes() const {
  std::vector<CandidateOutcome> outcomes;
  for (const State& state : states_) {
    CandidateOutcome outcome{state.candidate.address.to_string(), state.candidate.source, state.attempts, ""};
    if (state.confirmed) {
      outcome.outcome = "confirmed";
    } else if (state.attempts == 0) {
      outcome.outcome = "not tried: another was faster";
    } else if (!state.failure.empty()) {
      outcome.outcome = state.failure;
    } else {
      outcome.outcome = state.more(pace_.attempts) ? "no reply before another was confirmed" : "no reply in 2 s";
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

}  // namespace paceline::sender
