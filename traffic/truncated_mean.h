// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "paceline/model.h"

namespace paceline::traffic {

/// The mean of a family's continuous numbers from `least` to `most`, where there is a formula: constant, uniform,
/// exponential, Pareto, Cauchy, normal. Precondition: some of its numbers are between them, and the mean is finite.
std::optional<double> truncated_mean(const Model::Family& family, double least, double most);

}  // namespace paceline::traffic
