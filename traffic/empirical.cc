// SPDX-License-Identifier: MIT
#include "traffic/empirical.h"

#include <cmath>

#include "paceline/error.h"
#include "proto/quantity_text.h"
#include "traffic/text_lines.h"

namespace paceline::traffic {

namespace {

constexpr std::size_t kMostValues = 10'000'000;

void read_file(model::Empirical& empirical, Quantity quantity) {
  TextLines lines(empirical.file);
  double sum = 0;
  while (const auto words = lines.next()) {
    const Word& first = words->front();
    const auto value = parse_quantity(first.text, quantity);
    if (!value) lines.fail(first, first.quoted() + " is not " + std::string(description(quantity)));
    double weight = 1;
    if (words->size() > 1) {
      const Word& second = (*words)[1];
      const auto number = parse_number(second.text);
      if (!number || *number < 0) lines.fail(second, second.quoted() + " is no weight: a number that is not negative");
      weight = *number;
    }
    if (words->size() > 2) lines.fail((*words)[2], "a line is VALUE or VALUE WEIGHT: nothing was expected here");
    if (empirical.values.size() == kMostValues)
      lines.fail(first, "the file has more than " + std::to_string(kMostValues) + " values");
    empirical.values.push_back(*value);
    empirical.weights.push_back(weight);
    sum += weight;
  }
  if (empirical.values.empty()) throw UsageError(empirical.file + ": holds no values");
  if (!(sum > 0) || !std::isfinite(sum)) throw UsageError(empirical.file + ": the weights add up to nothing");
}

}  // namespace

void read_files(Model& model, Quantity quantity) {
  if (auto* empirical = std::get_if<model::Empirical>(&model.family)) {
    if (empirical->values.empty()) read_file(*empirical, quantity);
  } else if (auto* mixture = std::get_if<model::Mixture>(&model.family)) {
    for (Model& part : mixture->parts) read_files(part, quantity);
  }
}

}  // namespace paceline::traffic
