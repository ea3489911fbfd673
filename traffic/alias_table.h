// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "traffic/random_bits.h"

namespace paceline::traffic {

/// Draws an index by weight in constant time: Walker's alias method, filled as Vose (1991) does.
class AliasTable {
 public:
  /// Precondition: not empty, at most 2^32 - 1; weights are finite, none is negative, not all are 0.
  explicit AliasTable(std::span<const double> weights);

  std::size_t draw(RandomBits& bits) const {
    const double place = bits.below_one() * static_cast<double>(cells_.size());
    const auto cell = static_cast<std::size_t>(place);
    return place - static_cast<double>(cell) < cells_[cell].share ? cell : cells_[cell].alias;
  }

 private:
  struct Cell {
    double share = 1;  // of the cell that is its own index
    std::uint32_t alias = 0;
  };
  std::vector<Cell> cells_;
};

}  // namespace paceline::traffic
