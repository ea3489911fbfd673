// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "paceline/model.h"

namespace paceline::traffic {

/// Fills in the values of each Empirical in the model, parts of mixtures included, that has none yet. A line is a value
/// with its unit and an optional weight (else 1); # begins a comment. Throws UsageError, with file, line and column.
void read_files(Model& model, Quantity quantity);

}  // namespace paceline::traffic
