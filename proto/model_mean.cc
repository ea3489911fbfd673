// SPDX-License-Identifier: MIT
#include <cmath>
#include <numeric>

#include "paceline/model.h"

namespace paceline {

namespace {

struct Mean {
  using Result = std::optional<double>;

  Result operator()(const model::Constant& m) const { return m.value; }
  Result operator()(const model::Uniform& m) const { return std::midpoint(m.min, m.max); }
  Result operator()(const model::Exponential& m) const { return m.mean; }
  Result operator()(const model::Poisson& m) const { return m.mean; }
  Result operator()(const model::Pareto& m) const {
    return m.shape > 1 ? Result(m.shape * m.scale / (m.shape - 1)) : std::nullopt;
  }
  Result operator()(const model::Cauchy&) const { return std::nullopt; }
  Result operator()(const model::Normal& m) const { return m.mean; }
  Result operator()(const model::Gamma& m) const { return m.shape * m.scale; }
  Result operator()(const model::Weibull& m) const { return m.scale * std::tgamma(1 + 1 / m.shape); }
  Result operator()(const model::Student& m) const { return m.freedom > 1 ? Result(m.location) : std::nullopt; }
  Result operator()(const model::Discrete& m) const { return weighted(m.values, m.weights); }
  Result operator()(const model::Empirical& m) const { return weighted(m.values, m.weights); }
  Result operator()(const model::Mixture& m) const {
    std::vector<double> means;
    for (const Model& part : m.parts) {
      const Result of_part = mean(part);
      if (!of_part) return std::nullopt;
      means.push_back(*of_part);
    }
    return weighted(means, m.weights);
  }

  static Result weighted(const std::vector<double>& values, const std::vector<double>& weights) {
    if (values.empty()) return std::nullopt;
    const double sum = std::inner_product(values.begin(), values.end(), weights.begin(), 0.0);
    return sum / std::reduce(weights.begin(), weights.end());
  }
};

}  // namespace

std::optional<double> mean(const Model& model) {
  const auto result = std::visit(Mean{}, model.family);
  return result && std::isfinite(*result) ? result : std::nullopt;
}

}  // namespace paceline
