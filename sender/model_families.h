// SPDX-License-Identifier: MIT
//
// The families of random models, for people to choose from. parse_model() knows what they mean.
#pragma once

#include <string_view>
#include <vector>

namespace paceline::sender {

struct ModelFamily {
  std::string_view name;
  std::string_view parameters;  ///< with their defaults
  std::string_view meaning;
  std::string_view example;  ///< that parse_model() takes for a time
};

/// In the order of model::Family's.
inline const std::vector<ModelFamily>& model_families() {
  static const std::vector<ModelFamily> families{
      {"constant", "value", "Always the same", "constant:10ms"},
      {"uniform", "min, max", "Anything between them, equally likely", "uniform:min=1ms,max=3ms"},
      {"exponential", "mean", "Gaps of independent arrivals (with them, packets are a Poisson process)",
       "exponential:mean=1ms"},
      {"poisson", "mean, unit=1ms (sizes: 1 byte)", "Whole multiples of the unit", "poisson:mean=5ms"},
      {"pareto", "shape, scale", "Heavy tail from scale on: P(X > x) = (scale/x)^shape; no mean for shape <= 1",
       "pareto:shape=1.5,scale=1ms"},
      {"cauchy", "location, scale", "No mean at all: truncate it where a rate is needed",
       "cauchy:location=10ms,scale=1ms,min=0ms,max=50ms"},
      {"normal", "mean, stddev", "The bell curve", "normal:mean=10ms,stddev=1ms"},
      {"gamma", "shape, scale", "Mean shape * scale", "gamma:shape=2,scale=5ms"},
      {"weibull", "shape, scale", "Stretched (shape < 1) or gathered (shape > 1) exponential",
       "weibull:shape=1.5,scale=10ms"},
      {"student", "freedom, scale=1, location=0", "location + scale * Student's t; no mean for freedom <= 1",
       "student:freedom=5,scale=1ms,location=10ms"},
      {"discrete", "probability@value, ...", "These values, with probabilities that add up to 1",
       "discrete:0.83@27ms,0.17@28ms"},
      {"empirical", "file", "Values out of a file, a line each, with an optional weight behind",
       "empirical:file=gaps.txt"},
      {"mixture", "probability@(model), ...", "One of several models each time",
       "mixture:0.6@(exponential:mean=4ms),0.4@(constant:10ms)"},
  };
  return families;
}

}  // namespace paceline::sender
