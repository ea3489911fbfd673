// SPDX-License-Identifier: MIT
#include "decoder/statistics.h"

#include <algorithm>
#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace paceline::decoder {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kMostExact = 8;
constexpr std::size_t kMostExactPairs = 2000;  // beyond, all orders take long to count

double ratio(double candidate, double baseline) { return baseline == 0 ? kUnknown : candidate / baseline; }

double median_of_sorted(Sample sorted) {
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// Of a sample that is given by how often each of some ascending values occurs. Values are shifted to the first one,
// lest a large common offset cancels the digits of the spread.
Figures figures_of_counts(Sample sorted, std::span<const std::uint32_t> counts, std::size_t total) {
  const double origin = sorted.front();
  double sum = 0, squares = 0;
  std::size_t seen = 0, first = sorted.size(), last = 0;
  double lower = 0, upper = 0;  // the values in the middle
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const std::uint32_t count = counts[i];
    if (count == 0) continue;
    first = std::min(first, i);
    last = i;
    const double value = sorted[i] - origin;
    sum += count * value;
    squares += count * value * value;
    if (seen <= (total - 1) / 2) lower = sorted[i];
    if (seen <= total / 2) upper = sorted[i];
    seen += count;
  }
  const auto n = static_cast<double>(total);
  const double variance = total < 2 ? kUnknown : std::max(0.0, squares - sum * sum / n) / (n - 1);
  return {sorted[first], origin + sum / n, (lower + upper) / 2, sorted[last], std::sqrt(variance)};
}

/// Draws as many values as the sample has, with replacement.
class Resampler {
 public:
  explicit Resampler(Sample values) : sorted_(values.begin(), values.end()), counts_(values.size()) {
    std::ranges::sort(sorted_);
  }

  Figures draw(std::mt19937_64& random) {
    std::ranges::fill(counts_, 0U);
    const std::size_t size = sorted_.size();
    for (std::size_t i = 0; i < size; ++i) {
      // The high bits of 64 times a size that is far below 2^32: even to a part in 2^32.
      const auto at = static_cast<std::size_t>((random() >> 32) * size >> 32);
      ++counts_[at];
    }
    return figures_of_counts(sorted_, counts_, size);
  }

 private:
  std::vector<double> sorted_;
  std::vector<std::uint32_t> counts_;
};

// Linear between the order statistics.
double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

// How many orders of n + m values have U = u, for each u, as shares of all: the recursion of Mann and Whitney.
std::vector<double> distribution_of_u(std::size_t n, std::size_t m) {
  std::vector<std::vector<double>> shares(n + 1, std::vector<double>(1, 1.0));  // by n, for the m so far
  for (std::size_t j = 1; j <= m; ++j) {
    for (std::size_t i = 1; i <= n; ++i) {
      std::vector<double> next(i * j + 1, 0.0);
      const double first_last = static_cast<double>(i) / static_cast<double>(i + j);
      for (std::size_t u = 0; u < shares[i - 1].size(); ++u) next[u + j] += first_last * shares[i - 1][u];
      for (std::size_t u = 0; u < shares[i].size(); ++u) next[u] += (1 - first_last) * shares[i][u];
      shares[i] = std::move(next);
    }
  }
  return shares[n];
}

double exact_p(double u, std::size_t n, std::size_t m) {
  const std::vector<double> shares = distribution_of_u(n, m);
  const double larger = std::max(u, static_cast<double>(n * m) - u);
  const auto from = static_cast<std::ptrdiff_t>(std::ceil(larger));
  return std::min(1.0, 2 * std::accumulate(shares.begin() + from, shares.end(), 0.0));
}

double approximate_p(double u, double n, double m, double ties) {
  const double all = n + m;
  const double deviation = std::sqrt(n * m / 12 * (all + 1 - ties / (all * (all - 1))));
  if (!(deviation > 0)) return 1;  // every value is the same
  const double larger = std::max(u, n * m - u);
  const double z = (larger - n * m / 2 - 0.5) / deviation;
  return std::min(1.0, 2 * boost::math::cdf(boost::math::complement(boost::math::normal(), z)));
}

std::vector<double> distances_to_median(Sample values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const double median = median_of_sorted(sorted);
  for (double& value : sorted) value = std::abs(value - median);
  return sorted;
}

double mean_of(Sample values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double squares_around(Sample values, double centre) {
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return sum;
}

}  // namespace

Figures figures_of(Sample values) {
  if (values.empty()) return {kUnknown, kUnknown, kUnknown, kUnknown, kUnknown};
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const std::vector<std::uint32_t> once(sorted.size(), 1);
  return figures_of_counts(sorted, once, sorted.size());
}

std::array<Ratio, kFigures> ratios_of(Sample candidate, Sample baseline, const Bootstrap& bootstrap) {
  const Figures above = figures_of(candidate), below = figures_of(baseline);
  std::array<Ratio, kFigures> ratios;
  for (std::size_t i = 0; i < kFigures; ++i) ratios[i] = {ratio(above[i], below[i]), kUnknown, kUnknown};
  if (bootstrap.resamples == 0 || candidate.size() < 2 || baseline.size() < 2) return ratios;

  std::mt19937_64 random(bootstrap.seed);
  Resampler upper(candidate), lower(baseline);
  std::array<std::vector<double>, kFigures> drawn;
  for (std::uint32_t n = 0; n < bootstrap.resamples; ++n) {
    const Figures one = upper.draw(random), other = lower.draw(random);
    for (std::size_t i = 0; i < kFigures; ++i) drawn[i].push_back(ratio(one[i], other[i]));
  }
  const double tail = (1 - bootstrap.confidence) / 2;
  for (std::size_t i = 0; i < kFigures; ++i) {
    if (std::ranges::any_of(drawn[i], [](double value) { return std::isnan(value); })) continue;
    std::ranges::sort(drawn[i]);
    ratios[i].low = quantile(drawn[i], tail);
    ratios[i].high = quantile(drawn[i], 1 - tail);
  }
  return ratios;
}

std::optional<HypothesisTest> mann_whitney(Sample first, Sample second) {
  if (first.empty() || second.empty()) return std::nullopt;
  struct Value {
    double value;
    bool of_first;
  };
  std::vector<Value> all;
  for (const double value : first) all.push_back({value, true});
  for (const double value : second) all.push_back({value, false});
  std::ranges::sort(all, {}, &Value::value);

  double ranks = 0, ties = 0;  // the first sample's sum of ranks; sum of t^3 - t over the groups of equal values
  for (std::size_t i = 0; i < all.size();) {
    std::size_t end = i;
    while (end < all.size() && all[end].value == all[i].value) ++end;
    const auto tied = static_cast<double>(end - i);
    const double rank = (static_cast<double>(i + 1) + static_cast<double>(end)) / 2;
    ties += tied * tied * tied - tied;
    for (; i < end; ++i) ranks += all[i].of_first ? rank : 0;
  }
  const auto n = static_cast<double>(first.size()), m = static_cast<double>(second.size());
  HypothesisTest test;
  test.statistic = ranks - n * (n + 1) / 2;
  const bool exact = ties == 0 && std::min(first.size(), second.size()) <= kMostExact &&
                     first.size() * second.size() <= kMostExactPairs;
  test.p = exact ? exact_p(test.statistic, first.size(), second.size()) : approximate_p(test.statistic, n, m, ties);
  test.adjusted = test.p;
  return test;
}

std::optional<HypothesisTest> brown_forsythe(Sample first, Sample second) {
  if (first.size() < 2 || second.size() < 2) return std::nullopt;
  const std::vector<double> a = distances_to_median(first), b = distances_to_median(second);
  const auto n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  const double mean_a = mean_of(a), mean_b = mean_of(b), mean = (n * mean_a + m * mean_b) / (n + m);
  const double between = n * (mean_a - mean) * (mean_a - mean) + m * (mean_b - mean) * (mean_b - mean);
  const double within = squares_around(a, mean_a) + squares_around(b, mean_b);
  if (!(within > 0)) return std::nullopt;
  HypothesisTest test;
  test.statistic = (n + m - 2) * between / within;
  test.p = boost::math::cdf(boost::math::complement(boost::math::fisher_f(1, n + m - 2), test.statistic));
  test.adjusted = test.p;
  return test;
}

void adjust(const std::vector<HypothesisTest*>& tests) {
  std::vector<HypothesisTest*> by_p = tests;
  std::ranges::stable_sort(by_p, {}, [](const HypothesisTest* test) { return test->p; });
  double least = 0;
  for (std::size_t i = 0; i < by_p.size(); ++i) {
    least = std::max(least, std::min(1.0, static_cast<double>(by_p.size() - i) * by_p[i]->p));
    by_p[i]->adjusted = least;
  }
}

std::uint64_t runs_needed(double level) {
  for (std::size_t n = 1;; ++n) {
    if (exact_p(0, n, n) < level || n == 64) return n;
  }
}

}  // namespace paceline::decoder
