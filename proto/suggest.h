// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace paceline {

/// Letters to change, add or take away to make one word of the other (Levenshtein).
inline std::size_t edits(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[to.size()];
}

/// The word that was probably meant: one that begins so, else one at most two typos away; empty if there is none.
inline std::string closest(std::string_view word, const std::vector<std::string>& words) {
  for (const std::string& known : words) {
    if (word.size() > 3 && known.starts_with(word)) return known;
  }
  const auto best = std::ranges::min_element(words, {}, [&](const std::string& known) { return edits(word, known); });
  return best != words.end() && edits(word, *best) <= 2 && best->size() > 3 ? *best : "";
}

}  // namespace paceline
