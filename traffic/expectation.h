// SPDX-License-Identifier: MIT
//
// What is to be expected of a model before anything is drawn for a flow.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "paceline/model.h"
#include "traffic/sampler.h"

namespace paceline::traffic {

struct Range {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();

  bool contains(const Range& other) const { return other.least >= least && other.most <= most; }
  bool operator==(const Range&) const = default;
};

/// The least and the greatest number that a Sampler draws from a model, its truncation included. Precondition: files
/// were read.
Range support(const Model& model, Quantity quantity);

/// The share of a model's numbers that are in the range, from pilot draws of a seed of their own; below 0.01 it is only
/// known to be so.
double fit(const Model& model, Quantity quantity, Range range = {});

/// The mean of a model's numbers within the range: by formula where there is one, the family's own where next to
/// nothing is outside, else from pilot draws. nullopt where there is none: the family has no mean, and neither range
/// nor truncation bounds it.
std::optional<double> expected_mean(const Model& model, Quantity quantity, Range range = {});

/// The mean number of packets of at most `segment` bytes that messages within the range are cut into; nullopt as above.
std::optional<double> expected_packets(const Model& size, Range range, std::uint32_t segment);

}  // namespace paceline::traffic
