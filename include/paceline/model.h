// SPDX-License-Identifier: MIT
//
// Random quantities as small values: any family can be a packet's size, the time to the next packet, a burst's length.
// One syntax for the command line, TOML, JSON and the wire: `exponential:mean=1ms`.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace paceline {

struct Model;

/// The families. Times are in seconds, sizes in bytes; `freedom` and `shape` are plain numbers.
namespace model {

struct Constant {
  double value = 0;
  bool operator==(const Constant&) const = default;
};
/// Of sizes: every whole number from min to max alike.
struct Uniform {
  double min = 0, max = 0;
  bool operator==(const Uniform&) const = default;
};
struct Exponential {
  double mean = 0;
  bool operator==(const Exponential&) const = default;
};
/// Whole multiples of `unit`: their number has the mean `mean / unit`, at most 1e9. A unit of 0 is 1 ms for times and
/// 1 byte for sizes.
struct Poisson {
  double mean = 0, unit = 0;
  bool operator==(const Poisson&) const = default;
};
/// P(X > x) = (scale / x)^shape for x >= scale. No mean for shape <= 1.
struct Pareto {
  double shape = 0, scale = 0;
  bool operator==(const Pareto&) const = default;
};
/// No mean.
struct Cauchy {
  double location = 0, scale = 0;
  bool operator==(const Cauchy&) const = default;
};
struct Normal {
  double mean = 0, stddev = 0;
  bool operator==(const Normal&) const = default;
};
struct Gamma {
  double shape = 0, scale = 0;
  bool operator==(const Gamma&) const = default;
};
struct Weibull {
  double shape = 0, scale = 0;
  bool operator==(const Weibull&) const = default;
};
/// location + scale * T, T being Student's t with `freedom` degrees of freedom. No mean for freedom <= 1.
struct Student {
  double freedom = 0, scale = 1, location = 0;
  bool operator==(const Student&) const = default;
};
/// values[i] with weights[i]; the weights add up to 1. Written `discrete:0.83@27,0.17@28`.
struct Discrete {
  std::vector<double> values{};
  std::vector<double> weights{};
  bool operator==(const Discrete&) const = default;
};
/// Values out of a file, a line each, with an optional weight behind: whatever they add up to. Written
/// `empirical:file=PATH`. Without values until the sender has read it; a receiver never reads a file.
struct Empirical {
  std::string file{};
  std::vector<double> values{};
  std::vector<double> weights{};
  bool operator==(const Empirical&) const = default;
};
/// parts[i] with weights[i]; the weights add up to 1. Written `mixture:0.6@(exponential:mean=4ms),0.4@(constant:10ms)`.
struct Mixture {
  std::vector<double> weights{};
  std::vector<Model> parts;  // an initializer here would need Model to be complete
  bool operator==(const Mixture&) const;
};

}  // namespace model

/// A family with its parameters, truncated: what is drawn outside [least, most] is drawn anew, and counted.
struct Model {
  using Family = std::variant<model::Constant, model::Uniform, model::Exponential, model::Poisson, model::Pareto,
                              model::Cauchy, model::Normal, model::Gamma, model::Weibull, model::Student,
                              model::Discrete, model::Empirical, model::Mixture>;
  Family family{};
  double least = -std::numeric_limits<double>::infinity();  ///< written min=, except for uniform: least=
  double most = std::numeric_limits<double>::infinity();    ///< written max=, except for uniform: most=

  bool operator==(const Model&) const = default;
};

inline bool model::Mixture::operator==(const Mixture& other) const {
  return weights == other.weights && parts == other.parts;
}

/// What a model's numbers are: tells which units its text may have, and what a bare number is.
enum class Quantity {
  time,   ///< 1ms, 20us, 0.5s; a bare number is seconds
  bytes,  ///< 512, 1k, 1KiB; a bare number is bytes
};

/// What a Poisson quantity is whole multiples of.
inline double poisson_unit(const model::Poisson& poisson, Quantity quantity) {
  if (poisson.unit > 0) return poisson.unit;
  return quantity == Quantity::time ? 1e-3 : 1;
}

/// The longest text that parse_model() takes.
inline constexpr std::size_t kMaxModelText = 16384;

/// A model from its text; a quantity alone (`1ms`) is a constant. Parameters are checked (positive where they must be,
/// weights that add up to 1). Opens no file. Throws UsageError: what is wrong, at which column, and which family or
/// parameter was probably meant.
Model parse_model(std::string_view text, Quantity quantity);

/// The text that parse_model() makes the same model of (an Empirical's file is named, its values are not told).
std::string to_string(const Model& model, Quantity quantity);

/// The family's mean, truncation and all that is drawn anew for it left out of account; nullopt where it has none
/// (Cauchy, Pareto with shape <= 1, Student with freedom <= 1, a Mixture of such), or its file was not read.
std::optional<double> mean(const Model& model);

}  // namespace paceline
