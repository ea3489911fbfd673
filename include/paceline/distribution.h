// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace paceline {

__extension__ using int128 = __int128;
__extension__ using uint128 = unsigned __int128;

/// Log-linear buckets over the whole signed 64-bit range: values below 2048 in magnitude are exact, above
/// that a bucket is at most 1/1024 of its value wide (three significant digits). Negative values mirror
/// positive ones.
namespace buckets {

inline constexpr int kSubBits = 11;                         // 2048 exact values
inline constexpr std::int32_t kHalf = 1 << (kSubBits - 1);  // buckets per power of two above them
inline constexpr std::int32_t kMaxIndex = (64 - kSubBits) * kHalf + 2 * kHalf - 1;  // of 2^64 - 1

constexpr std::int32_t index_of_magnitude(std::uint64_t magnitude) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(magnitude)) - kSubBits);
  return shift * kHalf + static_cast<std::int32_t>(magnitude >> shift);
}

/// The bucket of a value: -kMaxIndex to kMaxIndex, in the order of the values.
constexpr std::int32_t index_of(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  return value < 0 ? -index_of_magnitude(0 - bits) : index_of_magnitude(bits);
}

/// The largest magnitude in a bucket. Precondition: |index| <= kMaxIndex.
constexpr std::uint64_t largest_magnitude(std::int32_t index) {
  const std::uint32_t i = static_cast<std::uint32_t>(index < 0 ? -index : index);
  const std::uint32_t half = static_cast<std::uint32_t>(kHalf);
  if (i < 2 * half) return i;
  const std::uint32_t shift = i / half - 1;
  const std::uint64_t mantissa = i - shift * half;
  return (mantissa << shift) + ((std::uint64_t{1} << shift) - 1);
}

/// The value of a bucket that is farthest from zero, within std::int64_t.
constexpr std::int64_t value_at(std::int32_t index) {
  const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const std::uint64_t magnitude = std::min(largest_magnitude(index), most + (index < 0 ? 1U : 0U));
  return static_cast<std::int64_t>(index < 0 ? 0 - magnitude : magnitude);
}

}  // namespace buckets

/// A distribution of signed integers (here: nanoseconds) that merges exactly: integer sums, extremes and a
/// sparse histogram. Plain data; empty when count == 0.
struct Distribution {
  struct Bucket {
    std::int32_t index = 0;   ///< see buckets::index_of
    std::uint64_t count = 0;  ///< never 0
    bool operator==(const Bucket&) const = default;
  };

  std::uint64_t count = 0;
  uint128 sum = 0;          ///< two's complement, modulo 2^128
  uint128 sum_squares = 0;  ///< modulo 2^128; stddev() is exact while the central sum of squares fits
  std::int64_t min = 0;     ///< 0 when empty
  std::int64_t max = 0;
  std::vector<Bucket> buckets;  ///< ascending by index

  bool operator==(const Distribution&) const = default;

  /// Arithmetic mean; 0 when empty.
  double mean() const {
    if (count == 0) return 0;
    const int128 total = static_cast<int128>(sum);
    const int128 whole = total / static_cast<int128>(count);
    const int128 rest = total % static_cast<int128>(count);
    return static_cast<double>(whole) + static_cast<double>(rest) / static_cast<double>(count);
  }

  /// Sample standard deviation (n - 1); 0 for fewer than two values. The sums are shifted to the mean in
  /// integers before anything is rounded, so a large common offset does not cancel the digits.
  double stddev() const {
    if (count < 2) return 0;
    const uint128 n = count;
    const int128 centre = static_cast<int128>(sum) / static_cast<int128>(count);
    const uint128 c = static_cast<uint128>(centre);
    const uint128 central = sum_squares - 2 * c * sum + n * c * c;
    const long double rest = static_cast<long double>(static_cast<int128>(sum - n * c));
    const long double squares = static_cast<long double>(central) - rest * rest / static_cast<long double>(count);
    return static_cast<double>(std::sqrt(std::max(0.0L, squares) / static_cast<long double>(count - 1)));
  }

  /// The q-quantile by nearest rank, 0 <= q <= 1, to three significant digits: the far end of the bucket that
  /// holds it, never beyond min and max. 0 when empty.
  std::int64_t quantile(double q) const {
    if (count == 0) return 0;
    const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count)));
    const std::uint64_t rank = std::clamp<std::uint64_t>(wanted, 1, count);
    std::uint64_t seen = 0;
    for (const Bucket& bucket : buckets) {
      seen += bucket.count;
      if (seen >= rank) return std::clamp(buckets::value_at(bucket.index), min, max);
    }
    return max;
  }

  /// How many values were below zero.
  std::uint64_t negative() const {
    std::uint64_t below = 0;
    for (const Bucket& bucket : buckets) {
      if (bucket.index >= 0) break;
      below += bucket.count;
    }
    return below;
  }

  /// Adds another distribution; the result equals that of all values recorded into one.
  void merge(const Distribution& other);
};

inline void Distribution::merge(const Distribution& other) {
  if (other.count == 0) return;
  min = count == 0 ? other.min : std::min(min, other.min);
  max = count == 0 ? other.max : std::max(max, other.max);
  count += other.count;
  sum += other.sum;
  sum_squares += other.sum_squares;

  // Totals of many intervals mostly have all buckets already; a vector of the exact size takes the rest.
  std::size_t missing = 0;
  auto mine = buckets.begin();
  for (const Bucket& theirs : other.buckets) {
    while (mine != buckets.end() && mine->index < theirs.index) ++mine;
    missing += mine == buckets.end() || mine->index != theirs.index;
  }
  if (missing == 0) {
    mine = buckets.begin();
    for (const Bucket& theirs : other.buckets) {
      while (mine->index < theirs.index) ++mine;
      mine->count += theirs.count;
    }
    return;
  }
  std::vector<Bucket> merged;
  merged.reserve(buckets.size() + missing);
  mine = buckets.begin();
  for (const Bucket& theirs : other.buckets) {
    while (mine != buckets.end() && mine->index < theirs.index) merged.push_back(*mine++);
    const bool both = mine != buckets.end() && mine->index == theirs.index;
    merged.push_back({theirs.index, theirs.count + (both ? mine++->count : 0)});
  }
  merged.insert(merged.end(), mine, buckets.end());
  buckets = std::move(merged);
}

}  // namespace paceline
