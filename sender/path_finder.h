// SPDX-License-Identifier: MIT
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sender/path_end.h"
#include "sender/path_search.h"

namespace paceline::sender {

/// A way to the receiver's data port that a reply came back on.
struct FoundPath {
  std::shared_ptr<PathEnd> end;
  Attempt attempt;
  Answer answer;
  traffic::Address dialled;
  std::uint32_t attempts = 0;
  std::vector<CandidateOutcome> candidates;
};

struct PathQuest {
  ProbeKey key;
  std::vector<Candidate> candidates;
  SearchPace pace;
  std::uint32_t attempts_before = 0;  ///< numbers of attempts that are taken
  /// A fresh end for an attempt; may throw SetupError.
  std::function<std::shared_ptr<PathEnd>(const traffic::Address& to)> make_end;
  std::function<std::string()> given_up;  ///< why there is no use in going on; empty while there is
};

/// Tries the candidates until a reply comes back on one, and closes the others. Throws SetupError with what became of
/// each.
asio::awaitable<FoundPath> find_path(asio::any_io_executor executor, PathQuest quest);

}  // namespace paceline::sender
