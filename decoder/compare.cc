// SPDX-License-Identifier: MIT
#include "paceline/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <thread>
#include <tuple>

#include "decoder/plural.h"
#include "decoder/reference_ratios.h"
#include "decoder/run_metric.h"
#include "decoder/runs_reader.h"
#include "decoder/statistics.h"
#include "paceline/error.h"
#include "proto/suggest.h"

namespace paceline {

namespace {

using decoder::plural, decoder::RunMetric, decoder::RunRow, decoder::RunsFile;

constexpr std::uint64_t kFewRuns = 10;

/// Runs of all files, with the axes of the first.
struct Runs {
  std::string name;
  std::vector<std::string> axes;
  std::vector<RunRow> rows;
  std::uint64_t read = 0;
};

/// An axis value's place among others: as numbers where both are.
struct ByValue {
  static bool number(const std::string& text, double& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
  }
  bool operator()(const std::string& a, const std::string& b) const {
    double left = 0, right = 0;
    const bool first = number(a, left), second = number(b, right);
    if (first && second && left != right) return left < right;
    if (first != second) return first;
    return a < b;
  }
};

std::string listed(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
  return list.empty() ? "none" : list;
}

std::size_t place_of(const std::string& axis, const std::vector<std::string>& axes) {
  const auto found = std::ranges::find(axes, axis);
  if (found != axes.end()) return static_cast<std::size_t>(found - axes.begin());
  const std::string meant = closest(axis, axes);
  throw UsageError(fmt::format("the runs have no axis '{}'{}; there are: {}", axis,
                               meant.empty() ? "" : fmt::format(" (did you mean '{}'?)", meant), listed(axes)));
}

/// Of each run the last complete attempt; what else there is, is counted.
void take(RunsFile&& file, const std::filesystem::path& path, Runs& runs, std::vector<std::string>& warnings) {
  runs.read += file.rows.size();
  std::map<std::pair<std::vector<std::string>, std::uint64_t>, RunRow*> last;
  std::map<std::string, std::uint64_t> left_out;
  for (RunRow& row : file.rows) {
    RunRow*& place = last[{row.values, row.repetition}];
    if (place == nullptr || row.outcome == Outcome::complete || place->outcome != Outcome::complete) place = &row;
  }
  for (const auto& [key, row] : last) {
    if (row->outcome == Outcome::complete) {
      runs.rows.push_back(std::move(*row));
    } else {
      ++left_out[std::string(to_string(row->outcome)) + (row->reason.empty() ? "" : ": " + row->reason)];
    }
  }
  for (const auto& [why, number] : left_out)
    warnings.push_back(fmt::format("{}: {} left out, {}", path.string(), plural(number, "run"), why));
}

/// A run that is in two files counts once.
void drop_copies(Runs& runs, std::vector<std::string>& warnings) {
  std::set<std::tuple<std::vector<std::string>, std::uint64_t, std::uint64_t, std::string>> seen;
  const auto copies = std::erase_if(runs.rows, [&](const RunRow& row) {
    return !seen.insert({row.values, row.repetition, row.attempt, row.started_at}).second;
  });
  if (copies > 0) warnings.push_back(plural(copies, "run") + " in more than one file: counted once");
}

Runs read(const std::vector<std::filesystem::path>& files, const std::vector<RunMetric>& metrics,
          const CompareSpec& spec, std::vector<std::string>& warnings) {
  Runs runs;
  for (const std::filesystem::path& path : files) {
    RunsFile file = decoder::read_runs(path, metrics, spec.flow);
    warnings.insert(warnings.end(), file.warnings.begin(), file.warnings.end());
    if (&path == &files.front()) {
      runs.name = file.name;
      runs.axes = file.axes;
    } else if (file.axes != runs.axes) {
      throw UsageError(fmt::format("{} has the axes {}, {} has {}: they cannot be compared", files.front().string(),
                                   listed(runs.axes), path.string(), listed(file.axes)));
    }
    take(std::move(file), path, runs, warnings);
  }
  if (files.size() > 1) drop_copies(runs, warnings);
  return runs;
}

std::vector<std::string> values_of(const Runs& runs, std::size_t axis) {
  std::set<std::string, ByValue> values;
  for (const RunRow& row : runs.rows) values.insert(row.values[axis]);
  return {values.begin(), values.end()};
}

void require_value(const Runs& runs, const std::string& axis, const std::string& value) {
  const auto values = values_of(runs, place_of(axis, runs.axes));
  if (std::ranges::find(values, value) != values.end()) return;
  throw UsageError(fmt::format("no complete run has {} = '{}'; there are: {}", axis, value, listed(values)));
}

/// What the specification leaves open: the other axes make the cells.
CompareSpec settled(CompareSpec spec, const Runs& runs) {
  if (!spec.axis.empty()) {
    place_of(spec.axis, runs.axes);
    if (spec.baseline == spec.candidate)
      throw UsageError(fmt::format("both sides of the comparison are {} = '{}'", spec.axis, spec.baseline));
    require_value(runs, spec.axis, spec.baseline);
    require_value(runs, spec.axis, spec.candidate);
  }
  for (const auto& [axis, value] : spec.where) require_value(runs, axis, value);
  for (const std::string& axis : spec.by) place_of(axis, runs.axes);
  const auto fixed = [&](const std::string& axis) {
    return axis == spec.axis || std::ranges::any_of(spec.where, [&](const auto& one) { return one.first == axis; });
  };
  if (spec.by.empty()) {
    for (const std::string& axis : runs.axes) {
      if (!fixed(axis)) spec.by.push_back(axis);
    }
  }
  if (std::ranges::find(spec.by, spec.axis) != spec.by.end())
    throw UsageError("the compared axis '" + spec.axis + "' cannot make the cells as well");
  return spec;
}

struct Sides {
  std::vector<double> baseline;
  std::vector<double> candidate;
};

struct ByValues {
  bool operator()(const std::vector<std::string>& a, const std::vector<std::string>& b) const {
    return std::ranges::lexicographical_compare(a, b, ByValue());
  }
};
using Cells = std::map<std::vector<std::string>, std::vector<Sides>, ByValues>;  // each metric's, by the cell's values

Cells sort_into_cells(const Runs& runs, const CompareSpec& spec, std::size_t metrics, std::uint64_t& used) {
  std::vector<std::size_t> by;
  for (const std::string& axis : spec.by) by.push_back(place_of(axis, runs.axes));
  const auto side = spec.axis.empty() ? std::size_t{0} : place_of(spec.axis, runs.axes);
  Cells cells;
  for (const RunRow& row : runs.rows) {
    const bool wanted = std::ranges::all_of(
        spec.where, [&](const auto& one) { return row.values[place_of(one.first, runs.axes)] == one.second; });
    const bool candidate = spec.axis.empty() || row.values[side] == spec.candidate;
    if (!wanted || (!candidate && row.values[side] != spec.baseline)) continue;
    ++used;
    std::vector<std::string> key;
    for (const std::size_t axis : by) key.push_back(row.values[axis]);
    auto& cell = cells.try_emplace(std::move(key), metrics).first->second;
    for (std::size_t i = 0; i < metrics; ++i) {
      if (!std::isnan(row.metrics[i])) (candidate ? cell[i].candidate : cell[i].baseline).push_back(row.metrics[i]);
    }
  }
  return cells;
}

void warn(ComparedCell& cell, const CompareSpec& spec) {
  const std::uint64_t n = cell.candidate.runs, m = cell.baseline.runs;
  const std::uint64_t fewest = std::min(n, m);
  const std::uint64_t needed = decoder::runs_needed(1 - spec.confidence);
  if (n == 0 || m == 0) {
    cell.warnings.push_back(fmt::format("no run of {} = {}", spec.axis, m == 0 ? spec.baseline : spec.candidate));
    return;
  }
  if (fewest < needed) {
    cell.warnings.push_back(fmt::format("{} and {} runs say nothing at {} % confidence: {} a side are the least", m, n,
                                        spec.confidence * 100, needed));
  } else if (fewest < kFewRuns) {
    cell.warnings.push_back(fmt::format("{} and {} runs: the intervals are rough below {} a side", m, n, kFewRuns));
  }
  if (n != m) cell.warnings.push_back(fmt::format("the sides have {} and {} runs", m, n));
  for (std::size_t i = 0; i < kFigures; ++i) {
    if (cell.baseline.figures[i] == 0)
      cell.warnings.push_back(fmt::format("the baseline's {} is 0: no ratio", to_string(static_cast<Figure>(i))));
  }
}

// splitmix64: seeds that differ in one bit give unlike sequences.
std::uint64_t mixed(std::uint64_t seed) {
  seed += 0x9E3779B97F4A7C15;
  seed = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9;
  seed = (seed ^ seed >> 27) * 0x94D049BB133111EB;
  return seed ^ seed >> 31;
}

void judge(const Sides& sides, std::uint64_t seed, const CompareSpec& spec, ComparedCell& cell) {
  cell.candidate = {sides.candidate.size(), decoder::figures_of(sides.candidate)};
  cell.baseline = {sides.baseline.size(), decoder::figures_of(sides.baseline)};
  cell.ratios = decoder::ratios_of(sides.candidate, sides.baseline,
                                   {.confidence = spec.confidence, .resamples = spec.resamples, .seed = seed});
  if (spec.axis.empty()) return;
  cell.location = decoder::mann_whitney(sides.candidate, sides.baseline);
  cell.spread = decoder::brown_forsythe(sides.candidate, sides.baseline);
  warn(cell, spec);
}

void adjust(ComparedMetric& metric) {
  std::vector<HypothesisTest*> location, spread;
  for (ComparedCell& cell : metric.cells) {
    if (cell.location) location.push_back(&*cell.location);
    if (cell.spread) spread.push_back(&*cell.spread);
  }
  decoder::adjust(location);
  decoder::adjust(spread);
}

/// Calls work(0 ... count - 1), on all cores.
template <class Work>
void in_parallel(std::size_t count, const Work& work) {
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i)
    threads.emplace_back([&] {
      for (std::size_t at = next++; at < count; at = next++) work(at);
    });
}

}  // namespace

std::string list_metrics() { return RunMetric::help(); }

Comparison compare(const std::vector<std::filesystem::path>& files, const CompareSpec& asked) {
  if (asked.metrics.empty()) throw UsageError("no metric to compare by; there are:\n" + RunMetric::help());
  std::vector<RunMetric> metrics;
  for (const std::string& name : asked.metrics) metrics.push_back(RunMetric::parse(name));
  Comparison comparison;
  const Runs runs = read(files, metrics, asked, comparison.warnings);
  comparison.spec = settled(asked, runs);
  comparison.title = runs.name;
  comparison.runs = runs.read;

  const Cells cells = sort_into_cells(runs, comparison.spec, metrics.size(), comparison.used);
  for (const RunMetric& metric : metrics) comparison.metrics.push_back({metric.name(), metric.unit(), {}});
  std::vector<std::pair<ComparedCell*, const Sides*>> work;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    ComparedMetric& metric = comparison.metrics[i];
    metric.cells.resize(cells.size());
    std::size_t at = 0;
    for (const auto& [values, sides] : cells) {
      ComparedCell& cell = metric.cells[at++];
      for (std::size_t axis = 0; axis < values.size(); ++axis)
        cell.by.emplace_back(comparison.spec.by[axis], values[axis]);
      work.emplace_back(&cell, &sides[i]);
    }
  }
  in_parallel(work.size(), [&](std::size_t at) {
    judge(*work[at].second, mixed(comparison.spec.seed ^ mixed(at)), comparison.spec, *work[at].first);
  });
  for (ComparedMetric& metric : comparison.metrics) {
    adjust(metric);
    const bool any = std::ranges::any_of(
        metric.cells, [](const ComparedCell& cell) { return cell.candidate.runs + cell.baseline.runs > 0; });
    if (!any) throw UsageError("no run has the metric '" + metric.name + "'; there are:\n" + RunMetric::help());
  }
  if (asked.reference) decoder::add_reference(*asked.reference, comparison);
  return comparison;
}

std::vector<std::string> misses(const Comparison& comparison, const RatioRequirement& requirement) {
  std::vector<std::string> missed;
  const auto figure = static_cast<std::size_t>(requirement.figure);
  bool any = false;
  for (const ComparedMetric& metric : comparison.metrics) {
    if (!requirement.metric.empty() && requirement.metric != metric.name) continue;
    any = true;
    for (const ComparedCell& cell : metric.cells) {
      const double ratio = cell.ratios[figure].value;
      if (requirement.at_least ? ratio >= requirement.limit : ratio <= requirement.limit) continue;
      std::string where;
      for (const auto& [axis, value] : cell.by) where += fmt::format("{}{}={}", where.empty() ? "" : ", ", axis, value);
      missed.push_back(fmt::format("{}{}: ratio of the {} {}, wanted {} {}", metric.name,
                                   where.empty() ? "" : " at " + where, to_string(requirement.figure),
                                   std::isnan(ratio) ? "is not known" : fmt::format("is {:.4g}", ratio),
                                   requirement.at_least ? ">" : "<", requirement.limit));
    }
  }
  if (!any) missed.push_back("the metric '" + requirement.metric + "' was not compared");
  return missed;
}

RatioRequirement parse_ratio_requirement(std::string_view text) {
  const auto refuse = [&](std::size_t column, const std::string& why) {
    throw UsageError(
        fmt::format("requirement '{}', column {}: {}; write [METRIC] ratio min|mean|median|max|stddev < 1.2", text,
                    column + 1, why));
  };
  const auto ratio = text.find("ratio");
  if (ratio == std::string_view::npos) refuse(0, "no 'ratio'");
  RatioRequirement requirement;
  const std::string_view before = text.substr(0, ratio);
  const auto first = before.find_first_not_of(' ');
  if (first != std::string_view::npos)
    requirement.metric = before.substr(first, before.find_last_not_of(' ') + 1 - first);

  const auto comparison = text.find_first_of("<>", ratio);
  if (comparison == std::string_view::npos) refuse(text.size(), "neither < nor >");
  requirement.at_least = text[comparison] == '>';
  std::string word(text.substr(ratio + 5, comparison - ratio - 5));
  std::erase(word, ' ');
  bool known = false;
  for (std::size_t i = 0; i < kFigures; ++i) {
    if (word != to_string(static_cast<Figure>(i))) continue;
    requirement.figure = static_cast<Figure>(i);
    known = true;
  }
  if (!known) refuse(ratio + 5, "'" + word + "' is no figure");

  std::size_t at = comparison + 1;
  if (at < text.size() && text[at] == '=') ++at;
  at = std::min(text.find_first_not_of(' ', at), text.size());
  const char* const end = text.data() + std::min(text.find_last_not_of(' ') + 1, text.size());
  const auto [stop, error] = std::from_chars(text.data() + at, end, requirement.limit);
  if (error != std::errc{} || stop != end || !std::isfinite(requirement.limit)) refuse(at, "no number");
  return requirement;
}

}  // namespace paceline
