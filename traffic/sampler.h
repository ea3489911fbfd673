// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <limits>
#include <memory>

#include "paceline/model.h"
#include "traffic/random_bits.h"

namespace paceline::traffic {

/// Draws from a model within bounds: its own, and those given. The same random bits give the same numbers on every
/// machine. Sizes are whole bytes. Copies share what they draw from; several threads may draw from one.
class Sampler {
 public:
  static constexpr int kMostTries = 10'000;

  /// Precondition: the model is valid (parse_model() takes its text) and its files were read.
  Sampler(const Model& model, Quantity quantity, double least = -std::numeric_limits<double>::infinity(),
          double most = std::numeric_limits<double>::infinity());

  /// A number within the bounds; adds to `redrawn` how often one was not. After kMostTries the bound nearest to what
  /// was drawn last. May be infinite where no bound forbids it (a Pareto of small shape). Allocates nothing.
  double draw(RandomBits& bits, std::uint64_t& redrawn) const {
    int tries = kMostTries;
    const double value = draw_within(bits, tries);
    redrawn += static_cast<std::uint64_t>(kMostTries - tries);
    return value;
  }

  class Family;

 private:
  friend class MixtureFamily;

  double draw_within(RandomBits& bits, int& tries) const;

  std::shared_ptr<const Family> family_;
  double least_, most_;
  bool whole_;
};

}  // namespace paceline::traffic
