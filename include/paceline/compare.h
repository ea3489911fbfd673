// SPDX-License-Identifier: MIT
//
// Two sides of a campaign's axis compared, cell by cell of the others: the ratios of a paper's tables, with what can be
// said of their certainty.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/runs.h"

namespace paceline {

/// What is told of a metric over the runs of one cell and side.
enum class Figure { min, mean, median, max, stddev };
inline constexpr std::size_t kFigures = 5;
constexpr std::string_view to_string(Figure figure) {
  constexpr std::array<std::string_view, kFigures> kNames{"min", "mean", "median", "max", "stddev"};
  return kNames[static_cast<std::size_t>(figure)];
}
using Figures = std::array<double, kFigures>;  ///< by Figure; NaN: not known

struct CompareSpec {
  std::string axis;                  ///< whose values are the two sides; empty: no sides, all runs are the candidate's
  std::string baseline;              ///< the value below the fraction bar
  std::string candidate;             ///< the value above it
  std::vector<std::string> by;       ///< axes whose values make the cells; empty: all other axes
  std::vector<std::string> metrics;  ///< decoder/README.md lists them: "throughput", "p99", "rx.tc-rx.user stddev"
  double confidence = 0.95;          ///< of the intervals
  std::uint32_t resamples = 2000;    ///< of the bootstrap; 0: no intervals
  std::uint64_t seed = 1;            ///< of the bootstrap
  Scenario where;                    ///< only runs with these values
  std::string flow;  ///< only this flow of each run, by its name or its number from 1; empty: all together
  std::optional<std::filesystem::path> reference;  ///< published ratios, printed beside these (CSV; decoder/README.md)
};

/// The runs of one side in one cell.
struct ComparedSide {
  std::uint64_t runs = 0;  ///< complete ones with the metric
  Figures figures{};       ///< in the metric's unit

  bool operator==(const ComparedSide&) const = default;
};

/// Candidate / baseline of one figure, with its bootstrap interval; NaN: not known.
struct Ratio {
  double value = 0;
  double low = 0;
  double high = 0;
};

struct HypothesisTest {
  double statistic = 0;
  double p = 1;         ///< two-sided
  double adjusted = 1;  ///< by Holm's method, for there is a test in each of the metric's cells
};

struct ComparedCell {
  Scenario by;
  ComparedSide baseline;
  ComparedSide candidate;
  std::array<Ratio, kFigures> ratios{};
  std::optional<HypothesisTest> location;  ///< Mann-Whitney U
  std::optional<HypothesisTest> spread;    ///< Brown-Forsythe F
  std::optional<Figures> reference;        ///< the published ratios of this cell
  std::vector<std::string> warnings;
};

struct ComparedMetric {
  std::string name;
  std::string unit;  ///< "bit/s", "ns", "" for ratios
  std::vector<ComparedCell> cells;
};

struct Comparison {
  CompareSpec spec;
  std::string title;       ///< the campaign's name
  std::uint64_t runs = 0;  ///< read
  std::uint64_t used = 0;
  std::vector<ComparedMetric> metrics;
  std::vector<std::string> warnings;  ///< torn lines, failed and partial runs, cells that one side lacks
};

/// Reads runs files and compares. Throws UsageError for an axis, value or metric that no run has (naming those there
/// are), FileError for a file that cannot be read or is no runs file.
Comparison compare(const std::vector<std::filesystem::path>& files, const CompareSpec& spec);

/// What metrics there are, a line each.
std::string list_metrics();

/// Tables; several lines, with the last line's end.
std::string render_text(const Comparison& comparison);
std::string render_csv(const Comparison& comparison);
std::string render_latex(const Comparison& comparison);
std::string render_json(const Comparison& comparison);

/// A condition on every cell of a comparison: "ratio stddev < 1.2" of the first metric, "throughput ratio median >
/// 0.95".
struct RatioRequirement {
  std::string metric;  ///< empty: every metric
  Figure figure = Figure::median;
  bool at_least = false;
  double limit = 0;
};
/// Throws UsageError with the column.
RatioRequirement parse_ratio_requirement(std::string_view text);
/// What each cell that misses it says; empty if all meet it. A ratio that is not known misses.
std::vector<std::string> misses(const Comparison& comparison, const RatioRequirement& requirement);

}  // namespace paceline
