// SPDX-License-Identifier: MIT
//
// Whether numbers come from a distribution. Seeds are fixed, so a test that passes once passes always; the critical
// values leave 1 in 1000 to an unlucky seed.
#pragma once

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "paceline/model.h"
#include "traffic/sampler.h"

namespace paceline::traffic {

inline constexpr std::size_t kDraws = 100'000;

inline std::vector<double> draw_many(const Sampler& sampler, std::size_t count = kDraws, std::uint64_t seed = 1,
                                     std::uint64_t* redrawn = nullptr) {
  RandomBits bits(seed, Purpose::gaps);
  std::uint64_t ignored = 0;
  std::vector<double> numbers(count);
  for (double& number : numbers) number = sampler.draw(bits, redrawn != nullptr ? *redrawn : ignored);
  return numbers;
}

inline std::vector<double> draw_many(const std::string& text, Quantity quantity = Quantity::time) {
  return draw_many(Sampler(parse_model(text, quantity), quantity));
}

/// Kolmogorov and Smirnov's distance between the numbers and a continuous distribution, times the root of their
/// number. Above kKolmogorov with a chance of 0.001.
inline constexpr double kKolmogorov = 1.949;
template <class Cdf>
double kolmogorov_smirnov(std::vector<double> numbers, Cdf cdf) {
  std::ranges::sort(numbers);
  const auto count = static_cast<double>(numbers.size());
  double distance = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const double expected = cdf(numbers[i]);
    distance =
        std::max({distance, expected - static_cast<double>(i) / count, static_cast<double>(i + 1) / count - expected});
  }
  return distance * std::sqrt(count);
}

/// Pearson's test: the chance that numbers of these probabilities are as far from what is to be expected. Rare values
/// are taken together until five are expected; a number that may not be makes it 0.
inline double chi_square(const std::vector<double>& numbers, const std::map<double, double>& probabilities) {
  std::map<double, double> observed;
  for (const double number : numbers) {
    if (!probabilities.contains(number)) return 0;
    ++observed[number];
  }
  double sum = 0, seen = 0, expected = 0;
  int cells = 0;
  double all = 0;
  for (const auto& [value, probability] : probabilities) {
    seen += observed[value];
    expected += probability * static_cast<double>(numbers.size());
    all += probability;
    if (expected < 5 && all < 1 - 1e-9) continue;
    if (expected <= 0) continue;
    sum += (seen - expected) * (seen - expected) / expected;
    ++cells;
    seen = expected = 0;
  }
  return cells < 2 ? 1 : cdf(complement(boost::math::chi_squared(cells - 1), sum));
}

/// The numbers' mean and variance.
inline std::pair<double, double> moments(const std::vector<double>& numbers) {
  double mean = 0, squares = 0, count = 0;
  for (const double number : numbers) {
    const double off = number - mean;
    mean += off / ++count;
    squares += off * (number - mean);
  }
  return {mean, squares / (count - 1)};
}

}  // namespace paceline::traffic
