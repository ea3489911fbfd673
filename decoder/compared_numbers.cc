// SPDX-License-Identifier: MIT
#include "decoder/compared_numbers.h"

#include <fmt/format.h>

#include <cmath>

#include "decoder/text.h"

namespace paceline::decoder {

std::string measured_text(double value, const std::string& unit) {
  if (std::isnan(value)) return "-";
  if (unit == "ns") return text::time(value);
  if (unit == "bit/s") return text::bitrate(value);
  return fmt::format("{:.4g}{}{}", value, unit.empty() ? "" : " ", unit);
}

std::string ratio_text(double ratio) { return std::isnan(ratio) ? "-" : fmt::format("{:.3f}", ratio); }

std::string p_text(double p) { return p < 0.001 ? "<0.001" : fmt::format("{:.3f}", p); }

std::string cell_text(const ComparedCell& cell) {
  std::string text;
  for (const auto& [axis, value] : cell.by) text += fmt::format("{}{}={}", text.empty() ? "" : ", ", axis, value);
  return text;
}

std::string sides_text(const CompareSpec& spec) {
  return spec.axis.empty() ? "" : fmt::format("{} / {}", spec.candidate, spec.baseline);
}

}  // namespace paceline::decoder
