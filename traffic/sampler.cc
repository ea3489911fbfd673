// SPDX-License-Identifier: MIT
#include "traffic/sampler.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>
#include <vector>

#include "traffic/alias_table.h"
#include "traffic/families.h"

namespace paceline::traffic {

/// A family with its parameters, ready to draw.
class Sampler::Family {
 public:
  virtual ~Family() = default;
  /// `tries` is what parts with bounds of their own may still take.
  virtual double draw(RandomBits& bits, int& tries) const = 0;
};

namespace {

/// A family whose numbers are a function of random bits alone.
template <class Function>
class Simple : public Sampler::Family {
 public:
  explicit Simple(Function function) : function_(std::move(function)) {}
  double draw(RandomBits& bits, int&) const override { return function_(bits); }

 private:
  Function function_;
};

template <class Function>
std::shared_ptr<const Sampler::Family> simple(Function function) {
  return std::make_shared<Simple<Function>>(std::move(function));
}

std::shared_ptr<const Sampler::Family> weighted(std::vector<double> values, const std::vector<double>& weights) {
  return simple(
      [values = std::move(values), table = AliasTable(weights)](RandomBits& bits) { return values[table.draw(bits)]; });
}

}  // namespace

class MixtureFamily : public Sampler::Family {
 public:
  MixtureFamily(const model::Mixture& mixture, Quantity quantity) : table_(mixture.weights) {
    for (const Model& part : mixture.parts) parts_.emplace_back(part, quantity);
  }
  double draw(RandomBits& bits, int& tries) const override {
    return parts_[table_.draw(bits)].draw_within(bits, tries);
  }

 private:
  AliasTable table_;
  std::vector<Sampler> parts_;
};

namespace {

struct Maker {
  using Result = std::shared_ptr<const Sampler::Family>;
  Quantity quantity;

  Result operator()(const model::Constant& m) const {
    return simple([m](RandomBits&) { return m.value; });
  }

  Result operator()(const model::Uniform& m) const {
    double least = m.min, width = m.max - m.min;
    if (quantity == Quantity::bytes && std::ceil(m.min) <= std::floor(m.max)) {
      least = std::ceil(m.min);
      width = std::floor(m.max) - least + 1;
      return simple([least, width](RandomBits& bits) { return least + std::floor(width * bits.below_one()); });
    }
    return simple([least, width](RandomBits& bits) { return least + width * bits.below_one(); });
  }

  Result operator()(const model::Exponential& m) const {
    return simple([m](RandomBits& bits) { return m.mean * draw_exponential(bits); });
  }

  Result operator()(const model::Poisson& m) const {
    const double unit = poisson_unit(m, quantity);
    return simple([unit, events = PoissonDraw(m.mean / unit)](RandomBits& bits) { return unit * events(bits); });
  }

  Result operator()(const model::Pareto& m) const {
    return simple([m](RandomBits& bits) { return m.scale * draw_pareto(bits, m.shape); });
  }

  Result operator()(const model::Cauchy& m) const {
    return simple([m](RandomBits& bits) { return m.location + m.scale * draw_cauchy(bits); });
  }

  Result operator()(const model::Normal& m) const {
    return simple([m](RandomBits& bits) { return m.mean + m.stddev * draw_normal(bits); });
  }

  Result operator()(const model::Gamma& m) const {
    return simple([m, unscaled = GammaDraw(m.shape)](RandomBits& bits) { return m.scale * unscaled(bits); });
  }

  Result operator()(const model::Weibull& m) const {
    return simple([m](RandomBits& bits) { return m.scale * draw_weibull(bits, m.shape); });
  }

  Result operator()(const model::Student& m) const {
    return simple([m](RandomBits& bits) { return m.location + m.scale * draw_student(bits, m.freedom); });
  }

  Result operator()(const model::Discrete& m) const { return weighted(m.values, m.weights); }
  Result operator()(const model::Empirical& m) const { return weighted(m.values, m.weights); }
  Result operator()(const model::Mixture& m) const { return std::make_shared<MixtureFamily>(m, quantity); }
};

}  // namespace

Sampler::Sampler(const Model& model, Quantity quantity, double least, double most)
    : family_(std::visit(Maker{quantity}, model.family)),
      least_(std::max(model.least, least)),
      most_(std::min(model.most, most)),
      whole_(quantity == Quantity::bytes) {
  if (!whole_) return;
  least_ = std::ceil(least_);
  most_ = std::floor(most_);
}

double Sampler::draw_within(RandomBits& bits, int& tries) const {
  for (;;) {
    const double drawn = family_->draw(bits, tries);
    const double value = whole_ ? std::floor(drawn + 0.5) : drawn;
    if (value >= least_ && value <= most_) return value;
    if (tries <= 0) return value > most_ ? most_ : least_;
    --tries;
  }
}

}  // namespace paceline::traffic
