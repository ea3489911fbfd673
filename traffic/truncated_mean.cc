// SPDX-License-Identifier: MIT
#include "traffic/truncated_mean.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace paceline::traffic {

namespace {

double normal_density(double x) { return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2; }
double normal_above(double x) { return std::erfc(x / std::numbers::sqrt2) / 2; }

struct TruncatedMean {
  using Result = std::optional<double>;
  double least, most;

  Result operator()(const model::Constant& m) const { return m.value; }

  Result operator()(const model::Uniform& m) const {
    return std::midpoint(std::max(m.min, least), std::min(m.max, most));
  }

  /// Memoryless: from `least` on as from 0 on.
  Result operator()(const model::Exponential& m) const {
    const double from = std::max(least, 0.0);
    const double width = most - from;
    if (!(width > 0)) return from;
    return from + m.mean - (std::isinf(width) ? 0 : width / std::expm1(width / m.mean));
  }

  /// From `least` on as from its scale on.
  Result operator()(const model::Pareto& m) const {
    const double from = std::max(least, m.scale);
    if (std::isinf(most)) return from * m.shape / (m.shape - 1);
    const double span = std::log(most / from);
    if (!(span > 0)) return from;
    const double power = 1 - m.shape;
    const double integral = std::abs(power) < 1e-9 ? span : std::expm1(power * span) / power;
    return from * m.shape * integral / -std::expm1(-m.shape * span);
  }

  Result operator()(const model::Cauchy& m) const {
    const double u = (least - m.location) / m.scale, v = (most - m.location) / m.scale;
    if (!(u < v)) return least;
    return m.location + m.scale * std::log((1 + v * v) / (1 + u * u)) / 2 / (std::atan(v) - std::atan(u));
  }

  Result operator()(const model::Normal& m) const {
    if (!(m.stddev > 0)) return m.mean;
    const double u = (least - m.mean) / m.stddev, v = (most - m.mean) / m.stddev;
    if (!(u < v)) return least;
    return m.mean + m.stddev * (normal_density(u) - normal_density(v)) / (normal_above(u) - normal_above(v));
  }

  template <class Other>
  Result operator()(const Other&) const {
    return std::nullopt;
  }
};

}  // namespace

std::optional<double> truncated_mean(const Model::Family& family, double least, double most) {
  return std::visit(TruncatedMean{least, most}, family);
}

}  // namespace paceline::traffic
