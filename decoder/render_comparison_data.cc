// SPDX-License-Identifier: MIT
//
// A comparison as CSV, JSON and LaTeX. README.md has the columns and members.
#include <fmt/format.h>

#include <cmath>
#include <string>

#include "decoder/compared_numbers.h"
#include "decoder/json.h"
#include "paceline/compare.h"

namespace paceline {

namespace {

using decoder::Json;

std::string number(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

// RFC 4180.
std::string field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

std::string test_fields(const std::optional<HypothesisTest>& test) {
  return test ? fmt::format(",{},{},{}", number(test->statistic), number(test->p), number(test->adjusted)) : ",,,";
}

Json known(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json to_json(const ComparedSide& side) {
  Json json{{"runs", side.runs}};
  for (std::size_t i = 0; i < kFigures; ++i)
    json[std::string(to_string(static_cast<Figure>(i)))] = known(side.figures[i]);
  return json;
}

Json to_json(const std::optional<HypothesisTest>& test, const char* statistic) {
  if (!test) return nullptr;
  return {{statistic, known(test->statistic)}, {"p", known(test->p)}, {"p_adjusted", known(test->adjusted)}};
}

Json to_json(const ComparedCell& cell, bool sides) {
  Json by = Json::object();
  for (const auto& [axis, value] : cell.by) by[axis] = value;
  Json json{{"by", by}, {"candidate", to_json(cell.candidate)}};
  if (!sides) return json;
  json["baseline"] = to_json(cell.baseline);
  Json ratios = Json::object(), published = Json::object();
  for (std::size_t i = 0; i < kFigures; ++i) {
    const std::string figure(to_string(static_cast<Figure>(i)));
    const Ratio& ratio = cell.ratios[i];
    ratios[figure] = {{"ratio", known(ratio.value)}, {"low", known(ratio.low)}, {"high", known(ratio.high)}};
    if (cell.reference) published[figure] = known((*cell.reference)[i]);
  }
  json["ratios"] = ratios;
  json["location"] = to_json(cell.location, "u");
  json["spread"] = to_json(cell.spread, "f");
  json["published"] = cell.reference ? published : Json(nullptr);
  json["warnings"] = cell.warnings;
  return json;
}

std::string latex(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '\\') {
      safe += "\\textbackslash{}";
    } else if (c == '~' || c == '^') {
      safe += fmt::format("\\{}{{}}", c);
    } else {
      if (std::string_view("&%$#_{}").find(c) != std::string_view::npos) safe += '\\';
      safe += c;
    }
  }
  return safe;
}

std::string latex_ratio(const Ratio& ratio) {
  if (std::isnan(ratio.value)) return "--";
  if (std::isnan(ratio.low)) return fmt::format("{:.3f}", ratio.value);
  return fmt::format("{:.3f} {{\\scriptsize [{:.3f}, {:.3f}]}}", ratio.value, ratio.low, ratio.high);
}

std::string latex_table(const ComparedMetric& metric, const CompareSpec& spec) {
  const bool sides = !spec.axis.empty();
  std::string table = "\\begin{table}\n\\centering\n";
  table += fmt::format("\\caption{{{}{}}}\n", latex(metric.name),
                       sides                 ? ": " + latex(decoder::sides_text(spec))
                       : metric.unit.empty() ? ""
                                             : " (" + latex(metric.unit) + ")");
  table += fmt::format("\\begin{{tabular}}{{{}{}}}\n\\toprule\n", std::string(spec.by.size(), 'l'),
                       std::string(kFigures, 'r'));
  for (const std::string& axis : spec.by) table += latex(axis) + " & ";
  for (std::size_t i = 0; i < kFigures; ++i)
    table += fmt::format("{}{}", to_string(static_cast<Figure>(i)), i + 1 < kFigures ? " & " : " \\\\\n\\midrule\n");
  for (const ComparedCell& cell : metric.cells) {
    for (const auto& [axis, value] : cell.by) table += latex(value) + " & ";
    for (std::size_t i = 0; i < kFigures; ++i)
      table += (sides ? latex_ratio(cell.ratios[i]) : latex(number(cell.candidate.figures[i]))) +
               (i + 1 < kFigures ? " & " : " \\\\\n");
  }
  return table + "\\bottomrule\n\\end{tabular}\n\\end{table}\n";
}

}  // namespace

std::string render_csv(const Comparison& comparison) {
  const CompareSpec& spec = comparison.spec;
  std::string text;
  for (const std::string& axis : spec.by) text += field(axis) + ',';
  text +=
      "metric,unit,figure,baseline_runs,candidate_runs,baseline,candidate,ratio,low,high,location_u,location_p,"
      "location_p_adjusted,spread_f,spread_p,spread_p_adjusted,published\n";
  for (const ComparedMetric& metric : comparison.metrics) {
    for (const ComparedCell& cell : metric.cells) {
      for (std::size_t i = 0; i < kFigures; ++i) {
        for (const auto& [axis, value] : cell.by) text += field(value) + ',';
        const Ratio& ratio = cell.ratios[i];
        text += fmt::format("{},{},{},{},{},{},{},{},{},{}", field(metric.name), metric.unit,
                            to_string(static_cast<Figure>(i)), cell.baseline.runs, cell.candidate.runs,
                            number(cell.baseline.figures[i]), number(cell.candidate.figures[i]), number(ratio.value),
                            number(ratio.low), number(ratio.high));
        text += test_fields(cell.location) + test_fields(cell.spread) + ',';
        text += (cell.reference ? number((*cell.reference)[i]) : "") + '\n';
      }
    }
  }
  return text;
}

std::string render_json(const Comparison& comparison) {
  const CompareSpec& spec = comparison.spec;
  const bool sides = !spec.axis.empty();
  Json metrics = Json::array();
  for (const ComparedMetric& metric : comparison.metrics) {
    Json cells = Json::array();
    for (const ComparedCell& cell : metric.cells) cells.push_back(to_json(cell, sides));
    metrics.push_back({{"name", metric.name}, {"unit", decoder::text_or_null(metric.unit)}, {"cells", cells}});
  }
  const Json json{{"campaign", decoder::text_or_null(comparison.title)},
                  {"axis", decoder::text_or_null(spec.axis)},
                  {"baseline", sides ? Json(spec.baseline) : Json(nullptr)},
                  {"candidate", sides ? Json(spec.candidate) : Json(nullptr)},
                  {"by", spec.by},
                  {"confidence", spec.confidence},
                  {"resamples", spec.resamples},
                  {"seed", spec.seed},
                  {"runs", comparison.runs},
                  {"used", comparison.used},
                  {"warnings", comparison.warnings},
                  {"metrics", metrics}};
  return decoder::dump(json, 2) + '\n';
}

std::string render_latex(const Comparison& comparison) {
  std::string text = "% needs \\usepackage{booktabs}\n";
  for (const ComparedMetric& metric : comparison.metrics) text += latex_table(metric, comparison.spec);
  return text;
}

}  // namespace paceline
