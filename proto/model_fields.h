// SPDX-License-Identifier: MIT
//
// The families' names and parameters as text has them: one table for reading and writing.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "paceline/model.h"

namespace paceline {

enum class Kind { quantity, number };
enum class Allowed { any, not_negative, positive };

struct Field {
  std::string_view name;
  double* value;
  Kind kind;
  Allowed allowed;
  bool required = true;
};

/// The parameters of a family that has nothing but numbers, in the order of its struct.
inline std::vector<Field> fields(model::Constant& m) { return {{"value", &m.value, Kind::quantity, Allowed::any}}; }
inline std::vector<Field> fields(model::Uniform& m) {
  return {{"min", &m.min, Kind::quantity, Allowed::any}, {"max", &m.max, Kind::quantity, Allowed::any}};
}
inline std::vector<Field> fields(model::Exponential& m) {
  return {{"mean", &m.mean, Kind::quantity, Allowed::positive}};
}
inline std::vector<Field> fields(model::Poisson& m) {
  return {{"mean", &m.mean, Kind::quantity, Allowed::positive},
          {"unit", &m.unit, Kind::quantity, Allowed::positive, false}};
}
inline std::vector<Field> fields(model::Pareto& m) {
  return {{"shape", &m.shape, Kind::number, Allowed::positive}, {"scale", &m.scale, Kind::quantity, Allowed::positive}};
}
inline std::vector<Field> fields(model::Cauchy& m) {
  return {{"location", &m.location, Kind::quantity, Allowed::any},
          {"scale", &m.scale, Kind::quantity, Allowed::positive}};
}
inline std::vector<Field> fields(model::Normal& m) {
  return {{"mean", &m.mean, Kind::quantity, Allowed::any},
          {"stddev", &m.stddev, Kind::quantity, Allowed::not_negative}};
}
inline std::vector<Field> fields(model::Gamma& m) {
  return {{"shape", &m.shape, Kind::number, Allowed::positive}, {"scale", &m.scale, Kind::quantity, Allowed::positive}};
}
inline std::vector<Field> fields(model::Weibull& m) {
  return {{"shape", &m.shape, Kind::number, Allowed::positive}, {"scale", &m.scale, Kind::quantity, Allowed::positive}};
}
inline std::vector<Field> fields(model::Student& m) {
  return {{"freedom", &m.freedom, Kind::number, Allowed::positive},
          {"scale", &m.scale, Kind::quantity, Allowed::positive, false},
          {"location", &m.location, Kind::quantity, Allowed::any, false}};
}

/// In the order of Model::Family.
inline constexpr std::array<std::string_view, std::variant_size_v<Model::Family>> kFamilyNames = {
    "constant", "uniform", "exponential", "poisson",  "pareto",    "cauchy", "normal",
    "gamma",    "weibull", "student",     "discrete", "empirical", "mixture"};

/// Other names of the same.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kFamilyAliases = {
    {{"gaussian", "normal"}, {"student-t", "student"}, {"student_t", "student"}, {"mix", "mixture"}}};

/// A uniform quantity's min and max are its parameters; truncation goes by other names there.
struct BoundNames {
  std::string_view least, most;
};
inline BoundNames bound_names(const Model::Family& family) {
  return std::holds_alternative<model::Uniform>(family) ? BoundNames{"least", "most"} : BoundNames{"min", "max"};
}

}  // namespace paceline
