// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "paceline/distribution.h"

namespace paceline::decoder {

/// Records one interval's values at a few nanoseconds each, then yields them as a Distribution. The first few are
/// listed, so that a slow flow needs no counters. These lie in demand-zero pages, so memory is used for the ranges in
/// which values fell only; a page holds two powers of two. A value marks its counter's row, so that the rows of a wide
/// range need not all be looked at.
class Histogram {
 public:
  Histogram();  // throws std::bad_alloc
  ~Histogram();
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;

  /// Allocates nothing, but for a bucket's every 65536th value.
  void record(std::int64_t value) {
    if (value < min_) [[unlikely]]
      min_ = value;
    if (value > max_) [[unlikely]]
      max_ = value;
    sum_ += static_cast<uint128>(int128{value});
    sum_squares_ += static_cast<uint128>(int128{value} * value);
    const std::size_t slot = slot_of(value);
    if (listed_ < kListed) {
      list(slot);
    } else {
      rows_[slot / kRow] = 1;
      if (++counters_[slot] == 0) [[unlikely]]
        wrap(slot, 1);
    }
  }

  /// The same value so many times, at the cost of one.
  void record(std::int64_t value, std::uint64_t times) {
    if (times == 1) return record(value);
    record_many(value, times);
  }

  /// Each of the values.
  void record(std::span<const std::int64_t> values);

  /// The values of a distribution, as if each had been recorded.
  void add(const Distribution& values);

  /// What was recorded since the last take(), at the cost of what that is; starts anew.
  Distribution take();

 private:
  using Counter = std::uint16_t;  // small, for a hundred flows in little memory; wrap() keeps what it cannot hold
  struct UsedRow {
    std::uint32_t row;
    std::uint32_t used;  // a bit for each counter that is not 0
  };

  static constexpr std::size_t kListed = 256;  // values from which on they are counted
  static constexpr std::uint64_t kCounterValues = std::uint64_t{std::numeric_limits<Counter>::max()} + 1;
  static constexpr std::size_t kSlots = 2 * static_cast<std::size_t>(buckets::kMaxIndex) + 1;
  static constexpr std::size_t kRow = 32;  // counters: a cache line
  static constexpr std::size_t kRows = (kSlots + kRow - 1) / kRow;
  static constexpr std::size_t kCountersSize = kRows * kRow * sizeof(Counter);

  static std::size_t slot_of(std::int64_t value) {
    const std::int32_t slot = buckets::index_of(value) + buckets::kMaxIndex;
    return static_cast<std::size_t>(slot);
  }
  void list(std::size_t slot) {
    if (listed_ + 1 < kListed) {
      list_[listed_++] = static_cast<std::uint32_t>(slot);
    } else {
      count_listed();
      count(slot, 1);
    }
  }
  void count_listed();
  void record_many(std::int64_t value, std::uint64_t times);
  void count(std::size_t slot, std::uint64_t times);
  void wrap(std::size_t slot, std::uint64_t times);
  std::size_t find_used();
  std::vector<Distribution::Bucket> take_listed();
  std::vector<Distribution::Bucket> take_counted();
  void clear();

  std::array<std::uint32_t, kListed - 1> list_;  // slots
  std::size_t listed_ = 0;                       // kListed: all are in the counters
  Counter* counters_ = nullptr;                  // kRows of them, in one mapping with
  std::uint8_t* rows_ = nullptr;                 // a byte for each row: 1 when a counter of it may be in use
  std::vector<UsedRow> used_;                    // take()'s
  std::vector<Distribution::Bucket> wraps_;      // by slot: how often a counter passed its largest value

  uint128 sum_ = 0;
  uint128 sum_squares_ = 0;
  std::int64_t min_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t max_ = std::numeric_limits<std::int64_t>::min();
};

}  // namespace paceline::decoder
