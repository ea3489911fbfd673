// SPDX-License-Identifier: MIT
#include "decoder/reference_ratios.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "decoder/plural.h"
#include "paceline/error.h"

namespace paceline::decoder {

namespace {

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == ',') {
      fields.emplace_back();
    } else if (c != ' ' && c != '\t' && c != '\r' && c != '"') {
      fields.back() += c;
    } else if (c == ' ' && !fields.back().empty()) {
      fields.back() += c;  // "rx.tc-rx.user p50"
    }
  }
  for (std::string& field : fields) field.erase(field.find_last_not_of(' ') + 1);
  return fields;
}

/// One published ratio, and where it stands.
class Line {
 public:
  Line(const std::vector<std::string>& head, std::vector<std::string> fields)
      : head_(head), fields_(std::move(fields)) {}

  const std::string& at(const std::string& column) const {
    return fields_[static_cast<std::size_t>(std::ranges::find(head_, column) - head_.begin())];
  }
  bool is_of(const ComparedCell& cell) const {
    return std::ranges::all_of(cell.by, [&](const auto& axis) { return at(axis.first) == axis.second; });
  }

 private:
  const std::vector<std::string>& head_;
  std::vector<std::string> fields_;
};

std::size_t figure_of(const std::string& name) {
  for (std::size_t i = 0; i < kFigures; ++i) {
    if (name == to_string(static_cast<Figure>(i))) return i;
  }
  return kFigures;
}

bool set(const Line& line, std::size_t figure, double ratio, Comparison& comparison) {
  for (ComparedMetric& metric : comparison.metrics) {
    if (metric.name != line.at("metric")) continue;
    for (ComparedCell& cell : metric.cells) {
      if (!line.is_of(cell)) continue;
      if (!cell.reference) cell.reference.emplace().fill(std::numeric_limits<double>::quiet_NaN());
      (*cell.reference)[figure] = ratio;
      return true;
    }
  }
  return false;
}

}  // namespace

void add_reference(const std::filesystem::path& file, Comparison& comparison) {
  std::ifstream in(file);
  if (!in) throw FileError(file.string() + ": it cannot be opened");
  std::vector<std::string> head;
  std::uint64_t number = 0, unused = 0;
  for (std::string text; std::getline(in, text);) {
    ++number;
    const auto refuse = [&](const std::string& why) {
      throw FileError(fmt::format("{}, line {}: {}", file.string(), number, why));
    };
    if (text.find_first_not_of(" \t\r") == std::string::npos || text.front() == '#') continue;
    std::vector<std::string> fields = fields_of(text);
    if (head.empty()) {
      head = std::move(fields);
      std::vector<std::string> needed = comparison.spec.by;
      needed.insert(needed.end(), {"metric", "figure", "ratio"});
      for (const std::string& column : needed) {
        if (std::ranges::find(head, column) == head.end()) refuse("its head has no column '" + column + "'");
      }
      continue;
    }
    if (fields.size() != head.size()) refuse(fmt::format("{} fields under {} heads", fields.size(), head.size()));
    const Line line(head, std::move(fields));
    const std::size_t figure = figure_of(line.at("figure"));
    if (figure == kFigures) refuse("'" + line.at("figure") + "' is no figure: min, mean, median, max or stddev");
    const std::string& digits = line.at("ratio");
    double ratio = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ratio);
    if (error != std::errc{} || end != digits.data() + digits.size()) refuse("'" + digits + "' is no ratio");
    if (!set(line, figure, ratio, comparison)) ++unused;
  }
  if (head.empty()) throw FileError(file.string() + ": it has no head and no ratios");
  if (unused > 0)
    comparison.warnings.push_back(
        fmt::format("{}: {} of other cells or metrics", file.string(), plural(unused, "published ratio")));
}

}  // namespace paceline::decoder
