// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paceline/distribution.h"

namespace paceline::receiver {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

/// Delays in a few buckets, as Prometheus has them. A value of a Distribution is known to three significant digits, and
/// counts below an edge if it is there to these digits. What is negative is in the bucket up to 0.
class DelayBuckets {
 public:
  /// Nanoseconds; one more bucket is beyond the last.
  static constexpr std::array<std::int64_t, 20> kEdges{
      0,           10'000,      20'000,        50'000,        100'000,       200'000,       500'000,
      1'000'000,   2'000'000,   5'000'000,     10'000'000,    20'000'000,    50'000'000,    100'000'000,
      200'000'000, 500'000'000, 1'000'000'000, 2'000'000'000, 5'000'000'000, 10'000'000'000};

  void add(const Distribution& delays);
  std::uint64_t count() const { return count_; }
  /// Up to and including kEdges[edge].
  std::uint64_t up_to(std::size_t edge) const;
  double sum_seconds() const { return static_cast<double>(static_cast<int128>(sum_)) / 1e9; }

 private:
  std::array<std::uint64_t, kEdges.size() + 1> counts_{};
  std::uint64_t count_ = 0;
  uint128 sum_ = 0;  // nanoseconds, two's complement
};

/// Writes the text exposition format of Prometheus, version 0.0.4: a family's help and type, then its samples.
class MetricsText {
 public:
  void counter(std::string_view name, std::string_view help) { family(name, "counter", help); }
  void gauge(std::string_view name, std::string_view help) { family(name, "gauge", help); }
  void histogram(std::string_view name, std::string_view help) { family(name, "histogram", help); }

  /// Of the family that was begun last.
  void sample(std::uint64_t value, const Labels& labels = {});
  void sample(double value, const Labels& labels = {});
  void sample(const DelayBuckets& delays, const Labels& labels);

  std::string take() { return std::move(text_); }

 private:
  void family(std::string_view name, std::string_view type, std::string_view help);
  void line(std::string_view suffix, const Labels& labels, std::string_view value);

  std::string name_;
  std::string text_;
};

}  // namespace paceline::receiver
