// SPDX-License-Identifier: MIT
#include "traffic/alias_table.h"

#include <cassert>
#include <limits>
#include <numeric>

namespace paceline::traffic {

AliasTable::AliasTable(std::span<const double> weights) : cells_(weights.size()) {
  assert(!weights.empty() && weights.size() < std::numeric_limits<std::uint32_t>::max());
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  assert(sum > 0);
  std::vector<std::uint32_t> small, large;
  std::uint32_t heaviest = 0;
  for (std::uint32_t i = 0; i < cells_.size(); ++i) {
    cells_[i].share = weights[i] / sum * static_cast<double>(cells_.size());
    (cells_[i].share < 1 ? small : large).push_back(i);
    if (weights[i] > weights[heaviest]) heaviest = i;
  }
  // Each cell that has less than an even share is filled up by one that has more.
  while (!small.empty() && !large.empty()) {
    const std::uint32_t poor = small.back(), rich = large.back();
    small.pop_back();
    cells_[poor].alias = rich;
    cells_[rich].share -= 1 - cells_[poor].share;
    if (cells_[rich].share < 1) {
      large.pop_back();
      small.push_back(rich);
    }
  }
  // What rounding left over is 1, or 0 for what must never be drawn.
  for (const std::uint32_t i : large) cells_[i].share = 1;
  for (const std::uint32_t i : small) {
    cells_[i].share = weights[i] > 0 ? 1 : 0;
    cells_[i].alias = heaviest;
  }
}

}  // namespace paceline::traffic
