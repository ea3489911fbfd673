// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "paceline/distribution.h"

namespace paceline::decoder {

inline constexpr std::size_t kBatch = 512;

struct BatchSums {
  std::int64_t min = std::numeric_limits<std::int64_t>::max();
  std::int64_t max = std::numeric_limits<std::int64_t>::min();
  uint128 sum = 0;
  uint128 squares = 0;
};

/// What at most kBatch values sum up to; `slots` takes each one's bucket, from that of the least possible value on.
/// Uses the widest vectors that the processor has.
BatchSums sum_up(std::span<const std::int64_t> batch, std::uint32_t* slots);

namespace detail {
enum class Vectors { none, avx2, avx512 };
Vectors widest_vectors();
/// As sum_up(), with these. Precondition: the processor has them.
BatchSums sum_up(std::span<const std::int64_t> batch, std::uint32_t* slots, Vectors vectors);
}  // namespace detail

}  // namespace paceline::decoder
