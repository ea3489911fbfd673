// SPDX-License-Identifier: MIT
#include "sender/path_finder.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <optional>

#include "paceline/error.h"
#include "sender/inbox.h"
#include "traffic/clock_source.h"

namespace paceline::sender {

namespace {

SenderTime sender_now() { return traffic::now<SenderClock>(); }

struct Reply {
  std::shared_ptr<PathEnd> end;
  Attempt attempt;
  Answer answer;
};

/// Shared with the attempts, the last of which may end after the search.
struct Shared {
  Shared(const asio::any_io_executor& executor, const PathQuest& quest)
      : key(quest.key), search(quest.candidates, sender_now(), quest.pace, quest.attempts_before), replies(executor) {}

  ProbeKey key;
  PathSearch search;
  Inbox<Reply> replies;
};

asio::awaitable<void> try_one(std::shared_ptr<Shared> shared, std::shared_ptr<PathEnd> end, Attempt attempt) {
  const Reach reach = co_await end->reach(shared->key, attempt.number);
  if (reach.answer) {
    shared->replies.put({end, attempt, *reach.answer});
  } else if (reach.elsewhere) {
    shared->search.elsewhere(attempt, reach.why, sender_now());
    shared->replies.wake();
  } else if (!reach.why.empty()) {
    shared->search.unreachable(attempt, reach.why);
    shared->replies.wake();
  }
}

std::string describe(const std::vector<CandidateOutcome>& outcomes) {
  std::string tried;
  for (const CandidateOutcome& outcome : outcomes)
    tried += "\n  " + outcome.address + " (" + outcome.source + "): " + outcome.outcome + " (" +
             std::to_string(outcome.attempts) + (outcome.attempts == 1 ? " probe)" : " probes)");
  return tried;
}

}  // namespace

asio::awaitable<FoundPath> find_path(asio::any_io_executor executor, PathQuest quest) {
  const auto shared = std::make_shared<Shared>(executor, quest);
  PathSearch& search = shared->search;
  std::vector<std::shared_ptr<PathEnd>> ends;
  std::optional<Reply> winner;
  while (!winner && !search.exhausted(sender_now()) && quest.given_up().empty()) {
    while (const auto due = search.next(sender_now())) {
      try {
        ends.push_back(quest.make_end(search.candidate(*due).address));
        asio::co_spawn(executor, try_one(shared, ends.back(), *due), asio::detached);
      } catch (const SetupError& error) {
        search.unreachable(*due, error.what());
      }
    }
    const nanoseconds wait =
        std::clamp<nanoseconds>(search.next_due() - sender_now(), nanoseconds{0}, std::chrono::seconds(1));
    winner = co_await shared->replies.next(std::chrono::steady_clock::now() + wait);
  }
  if (winner) search.replied(winner->attempt);
  for (const auto& end : ends) {
    if (!winner || end != winner->end) end->close();
  }
  if (const std::string why = quest.given_up(); !why.empty()) throw SetupError(why);
  if (!winner)
    throw SetupError("no way to the receiver's data port, though signalling works:" + describe(search.outcomes()));
  co_return FoundPath{winner->end,       winner->attempt,  winner->answer, search.candidate(winner->attempt).address,
                      search.attempts(), search.outcomes()};
}

}  // namespace paceline::sender
