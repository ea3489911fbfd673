// SPDX-License-Identifier: MIT
//
// What the conversions from the wire check with.
#pragma once

#include <cstdint>
#include <string>

#include "paceline/validate.h"
#include "proto/convert.h"

namespace paceline::wire {

inline void require(bool holds, const char* what) {
  if (!holds) throw WireError(what);
}

/// A row's span: in order, and so far from the integers' limits that sums of spans stay within them.
inline void require_span(std::int64_t start, std::int64_t end) {
  constexpr std::int64_t kLongest = std::int64_t{1} << 60;
  require(start >= 0 && start <= end, "interval that ends before it starts");
  require(end <= kLongest, "interval beyond any flow's end");
}

/// A specification, as validate() asks.
template <class Spec>
void require_valid(const Spec& spec) {
  try {
    validate(spec);
  } catch (const UsageError& error) {
    throw WireError(std::string("flow specification: ") + error.what());
  }
}

}  // namespace paceline::wire
