// SPDX-License-Identifier: MIT
//
// What can be said of samples of runs: figures, their ratios with bootstrap intervals, tests of location and spread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "paceline/compare.h"

namespace paceline::decoder {

using Sample = std::span<const double>;

/// Sample standard deviation (n - 1); NaN where it takes more values.
Figures figures_of(Sample values);

/// candidate / baseline by figure; NaN where one is not known or the baseline's is 0. The intervals are the bootstrap's
/// percentiles (Efron 1979), by `resamples` of both samples; the same seed gives the same. NaN without resamples, with
/// a single run, or where a resample had no ratio.
struct Bootstrap {
  double confidence = 0.95;
  std::uint32_t resamples = 2000;
  std::uint64_t seed = 1;
};
std::array<Ratio, kFigures> ratios_of(Sample candidate, Sample baseline, const Bootstrap& bootstrap);

/// Mann and Whitney's U of the first sample (1947): exact where one sample has at most 8 values, there are at most
/// 2000 pairs and none is tied, else
/// by the normal approximation with corrections for ties and continuity. nullopt for an empty sample.
std::optional<HypothesisTest> mann_whitney(Sample first, Sample second);

/// Brown and Forsythe's F (1974): Levene's test around the medians. nullopt where it is not defined: fewer than two
/// values on a side, or no spread at all.
std::optional<HypothesisTest> brown_forsythe(Sample first, Sample second);

/// Sets the tests' adjusted p (Holm 1979), taking them as one family.
void adjust(const std::vector<HypothesisTest*>& tests);

/// The fewest runs on each of two sides of as many with which mann_whitney() can give a p below `level`.
std::uint64_t runs_needed(double level);

}  // namespace paceline::decoder
