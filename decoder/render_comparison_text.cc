// SPDX-License-Identifier: MIT
//
// A comparison as tables for people.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "decoder/compared_numbers.h"
#include "decoder/plural.h"
#include "decoder/text.h"
#include "paceline/compare.h"

namespace paceline {

namespace {

using Row = std::vector<std::string>;

/// Rows whose columns are as wide as what is in them; texts left, numbers right.
class Table {
 public:
  explicit Table(std::size_t texts) : texts_(texts) {}
  void add(Row row) { rows_.push_back(std::move(row)); }

  std::string text() const {
    std::vector<std::size_t> widths;
    for (const Row& row : rows_) {
      widths.resize(std::max(widths.size(), row.size()));
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const Row& row : rows_) {
      std::string line = " ";
      for (std::size_t i = 0; i < row.size(); ++i)
        line += i < texts_ ? fmt::format(" {:<{}}", row[i], widths[i]) : fmt::format("  {:>{}}", row[i], widths[i]);
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + '\n';
    }
    return text;
  }

 private:
  std::size_t texts_;
  std::vector<Row> rows_;
};

Row values_of(const ComparedCell& cell, bool first) {
  Row row;
  for (const auto& [axis, value] : cell.by) row.push_back(first ? decoder::text::shown(value) : "");
  return row;
}

void add_side(Table& table, Row row, const std::string& name, const ComparedSide& side, const std::string& unit) {
  row.push_back(name);
  row.push_back(std::to_string(side.runs));
  for (const double value : side.figures) row.push_back(decoder::measured_text(value, unit));
  table.add(std::move(row));
}

void add_ratios(Table& table, const ComparedCell& cell) {
  Row ratios = values_of(cell, false), low = ratios, high = ratios, published = ratios;
  ratios.insert(ratios.end(), {"ratio", ""});
  low.insert(low.end(), {"  from", ""});
  high.insert(high.end(), {"  to", ""});
  published.insert(published.end(), {"published", ""});
  bool intervals = false;
  for (std::size_t i = 0; i < kFigures; ++i) {
    const Ratio& ratio = cell.ratios[i];
    intervals |= !std::isnan(ratio.low);
    ratios.push_back(decoder::ratio_text(ratio.value));
    low.push_back(decoder::ratio_text(ratio.low));
    high.push_back(decoder::ratio_text(ratio.high));
    if (cell.reference) published.push_back(decoder::ratio_text((*cell.reference)[i]));
  }
  table.add(std::move(ratios));
  if (intervals) table.add(std::move(low)), table.add(std::move(high));
  if (cell.reference) table.add(std::move(published));
}

std::string significance(double p, double level) {
  if (p >= level) return "";
  return p < level / 50 ? " **" : " *";
}

void add_tests(Table& table, const ComparedCell& cell, double level) {
  Row row = values_of(cell, true);
  for (const auto& test : {cell.location, cell.spread}) {
    row.push_back(test ? fmt::format("{:.4g}", test->statistic) : "-");
    row.push_back(test ? decoder::p_text(test->p) : "-");
    row.push_back(test ? decoder::p_text(test->adjusted) + significance(test->adjusted, level) : "-");
  }
  table.add(std::move(row));
}

std::string tables_of(const ComparedMetric& metric, const CompareSpec& spec) {
  const bool sides = !spec.axis.empty();
  std::string text = metric.name + (sides ? ": " + decoder::sides_text(spec) : "") + '\n';
  Table table(spec.by.size() + 1);
  Row head(spec.by.begin(), spec.by.end());
  head.insert(head.end(), {"", "runs"});
  for (std::size_t i = 0; i < kFigures; ++i) head.emplace_back(to_string(static_cast<Figure>(i)));
  table.add(std::move(head));
  for (const ComparedCell& cell : metric.cells) {
    if (sides) add_side(table, values_of(cell, true), spec.baseline, cell.baseline, metric.unit);
    add_side(table, values_of(cell, !sides), sides ? spec.candidate : "", cell.candidate, metric.unit);
    if (sides) add_ratios(table, cell);
  }
  text += table.text();
  if (!sides) return text;

  const double level = 1 - spec.confidence;
  Table tests(spec.by.size());
  Row names(spec.by.begin(), spec.by.end());
  names.insert(names.end(), {"location U", "p", "p adjusted", "spread F", "p", "p adjusted"});
  tests.add(std::move(names));
  for (const ComparedCell& cell : metric.cells) add_tests(tests, cell, level);
  text += '\n' + tests.text();
  for (const ComparedCell& cell : metric.cells) {
    for (const std::string& warning : cell.warnings) {
      const std::string where = decoder::cell_text(cell);
      text += fmt::format("  warning{}: {}\n", where.empty() ? "" : ", " + where, warning);
    }
  }
  return text;
}

}  // namespace

std::string render_text(const Comparison& comparison) {
  const CompareSpec& spec = comparison.spec;
  std::string text;
  if (!comparison.title.empty()) text += decoder::text::shown(comparison.title) + '\n';
  text += fmt::format("{} read, {} used\n", decoder::plural(comparison.runs, "run"), comparison.used);
  for (const std::string& warning : comparison.warnings) text += "warning: " + decoder::text::shown(warning) + '\n';
  for (const ComparedMetric& metric : comparison.metrics) text += '\n' + tables_of(metric, spec);
  if (spec.axis.empty()) return text;
  const double level = 1 - spec.confidence;
  text += '\n';
  if (spec.resamples > 0)
    text += fmt::format("from, to: {:g} % bootstrap intervals of the ratios, {} resamples, seed {}\n",
                        spec.confidence * 100, spec.resamples, spec.seed);
  text += fmt::format(
      "location: Mann-Whitney's test; spread: Brown-Forsythe's; p adjusted over a metric's cells by Holm's method\n"
      "* below {:.2g}, ** below {:.2g}: differences as large are rarer than that where there is none\n",
      level, level / 50);
  return text;
}

}  // namespace paceline
