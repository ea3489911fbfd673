// SPDX-License-Identifier: MIT
#include "traffic/expectation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "traffic/families.h"
#include "traffic/truncated_mean.h"

namespace paceline::traffic {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kFitDraws = 1'000;
constexpr std::uint64_t kFitMisses = 100'000;  // more, for so few draws, and hardly anything fits
constexpr int kGlance = 20'000;                // draws that tell whether the range cuts off anything to speak of
constexpr int kPilot = 100'000;                // draws that a mean is taken of

RandomBits pilot_bits() { return {0, Purpose::pilot}; }

Range intersection(const Range& a, const Range& b) { return {std::max(a.least, b.least), std::min(a.most, b.most)}; }
Range truncation(const Model& model) { return {model.least, model.most}; }

/// As the sampler draws: its random bits have an end, and so have tails.
struct FamilySupport {
  Quantity quantity;

  Range operator()(const model::Constant& m) const { return {m.value, m.value}; }
  Range operator()(const model::Uniform& m) const { return {m.min, m.max}; }
  Range operator()(const model::Exponential& m) const { return {0, m.mean * kMostExponential}; }
  Range operator()(const model::Poisson& m) const {
    const double unit = poisson_unit(m, quantity);
    return {0, unit * PoissonDraw::most(m.mean / unit)};
  }
  Range operator()(const model::Pareto& m) const { return {m.scale, m.scale * std::exp(kMostExponential / m.shape)}; }
  Range operator()(const model::Cauchy&) const { return {}; }
  Range operator()(const model::Normal& m) const { return around(m.mean, m.stddev * kMostNormal); }
  Range operator()(const model::Gamma& m) const { return {0, m.scale * GammaDraw::most(m.shape)}; }
  Range operator()(const model::Weibull& m) const { return {0, m.scale * std::pow(kMostExponential, 1 / m.shape)}; }
  Range operator()(const model::Student& m) const { return around(m.location, m.scale * most_student(m.freedom)); }
  Range operator()(const model::Discrete& m) const {
    return span(m.weights, [&](std::size_t i) { return Range{m.values[i], m.values[i]}; });
  }
  Range operator()(const model::Empirical& m) const {
    return span(m.weights, [&](std::size_t i) { return Range{m.values[i], m.values[i]}; });
  }
  Range operator()(const model::Mixture& m) const {
    return span(m.weights, [&](std::size_t i) { return support(m.parts[i], quantity); });
  }

  static Range around(double middle, double reach) { return {middle - reach, middle + reach}; }

  template <class Part>
  static Range span(const std::vector<double>& weights, Part part) {
    Range range{kInfinity, -kInfinity};
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] <= 0) continue;
      const Range of_part = part(i);
      range = {std::min(range.least, of_part.least), std::max(range.most, of_part.most)};
    }
    return range;
  }
};

/// Whether anything is ever drawn anew.
bool truncates(const Model& model, Quantity quantity, const Range& range) {
  const Range allowed = intersection(truncation(model), range);
  if (!allowed.contains(std::visit(FamilySupport{quantity}, model.family))) return true;
  const auto* mixture = std::get_if<model::Mixture>(&model.family);
  return mixture != nullptr &&
         std::ranges::any_of(mixture->parts, [&](const Model& part) { return truncates(part, quantity, {}); });
}

/// Whether the mean is finite, given truncation.
bool has_mean(const Model& model, const Range& range) {
  const Range allowed = intersection(truncation(model), range);
  if (std::isfinite(allowed.least) && std::isfinite(allowed.most)) return true;
  if (const auto* mixture = std::get_if<model::Mixture>(&model.family)) {
    return std::ranges::all_of(mixture->parts, [&](const Model& part) { return has_mean(part, allowed); });
  }
  if (std::holds_alternative<model::Pareto>(model.family) && std::isfinite(allowed.most)) return true;
  return mean(model).has_value();
}

double pilot_mean(const Sampler& sampler, int draws, std::uint64_t& redrawn) {
  RandomBits bits = pilot_bits();
  double sum = 0;
  for (int i = 0; i < draws; ++i) sum += sampler.draw(bits, redrawn);
  return sum / draws;
}

}  // namespace

Range support(const Model& model, Quantity quantity) {
  return intersection(std::visit(FamilySupport{quantity}, model.family), truncation(model));
}

double fit(const Model& model, Quantity quantity, Range range) {
  if (!truncates(model, quantity, range)) return 1;
  const Sampler sampler(model, quantity, range.least, range.most);
  RandomBits bits = pilot_bits();
  std::uint64_t redrawn = 0;
  int drawn = 0;
  while (drawn < kFitDraws && redrawn < kFitMisses) {
    sampler.draw(bits, redrawn);
    ++drawn;
  }
  return drawn / (drawn + static_cast<double>(redrawn));
}

std::optional<double> expected_mean(const Model& model, Quantity quantity, Range range) {
  if (!has_mean(model, range)) return std::nullopt;
  const auto exact = mean(model);
  if (exact && !truncates(model, quantity, range)) return exact;
  if (quantity == Quantity::time && fit(model, quantity, range) > 0.001) {
    const Range allowed = intersection(truncation(model), range);
    if (const auto formula = truncated_mean(model.family, allowed.least, allowed.most)) return formula;
  }
  const Sampler sampler(model, quantity, range.least, range.most);
  std::uint64_t redrawn = 0;
  if (exact) {
    pilot_mean(sampler, kGlance, redrawn);
    if (redrawn == 0) return exact;
  }
  return pilot_mean(sampler, kPilot, redrawn);
}

std::optional<double> expected_packets(const Model& size, Range range, std::uint32_t segment) {
  const auto bytes = expected_mean(size, Quantity::bytes, range);
  if (!bytes) return std::nullopt;
  // What the last packets lack to be full is bounded, so few draws settle it, whatever the sizes' tail.
  const Sampler sampler(size, Quantity::bytes, range.least, range.most);
  RandomBits bits = pilot_bits();
  std::uint64_t redrawn = 0;
  double lacking = 0;
  for (int i = 0; i < kGlance; ++i) {
    const double packets = sampler.draw(bits, redrawn) / segment;
    lacking += std::max(std::ceil(packets), 1.0) - packets;
  }
  return *bytes / segment + lacking / kGlance;
}

}  // namespace paceline::traffic
