// SPDX-License-Identifier: MIT
#include "sender/ditg_models.h"

#include <algorithm>
#include <cmath>

#include "proto/quantity_text.h"
#include "traffic/text_lines.h"

namespace paceline::sender {

namespace {

// ITGSend's -O draws a rate, a Poisson number, and waits for a packet's time at that rate. Its values are few enough to
// be listed while the rate is small; beyond, their distribution is as good as normal.
Model gap_of_poisson_rate(double mean) {
  constexpr double kMostListed = 400;
  if (mean > kMostListed) return {model::Normal{(1 + 1 / mean) / mean, 1 / (mean * std::sqrt(mean))}, 0};
  const double reach = 6 * std::sqrt(mean) + 6;
  const auto first = static_cast<int>(std::max(1.0, std::floor(mean - reach)));
  const auto last = static_cast<int>(std::ceil(mean + reach));
  model::Discrete gaps;
  double sum = 0;
  for (int rate = first; rate <= last; ++rate) {
    const double probability = std::exp(rate * std::log(mean) - mean - std::lgamma(rate + 1.0));
    if (probability < 1e-9) continue;
    gaps.values.push_back(1.0 / rate);
    gaps.weights.push_back(probability);
    sum += probability;
  }
  for (double& weight : gaps.weights) weight /= sum;
  return {gaps};
}

}  // namespace

std::optional<Model> ditg_model(char letter, DitgUse use, const DitgWord& option, DitgWords& words, DitgNotes& notes) {
  const bool rates = use == DitgUse::gap;
  const double unit = use == DitgUse::size ? 1 : 1e-3;  // of the other parameters
  const auto scaled = [&] { return words.number(option) * unit; };
  const auto positive = [&] { return words.above_zero(option); };
  switch (letter) {
    case 'C': return Model{model::Constant{rates ? 1 / positive() : positive() * unit}};
    case 'U': {
      const double first = rates ? positive() : scaled();
      const double second = rates ? positive() : scaled();
      if (first > second) words.fail(option, "the smaller value comes first");
      return rates ? Model{model::Uniform{1 / second, 1 / first}} : Model{model::Uniform{first, second}};
    }
    case 'E': return Model{model::Exponential{rates ? 1 / positive() : positive() * unit}};
    case 'O': {
      const double mean = positive();
      return rates ? gap_of_poisson_rate(mean) : Model{model::Poisson{mean * unit, 0}};
    }
    case 'N': {
      const double mean = scaled();
      return Model{model::Normal{mean, positive() * unit}};
    }
    case 'V': {
      const double shape = positive();
      return Model{model::Pareto{shape, positive() * unit}};
    }
    case 'Y': {
      const double location = scaled();
      return Model{model::Cauchy{location, positive() * unit}};
    }
    case 'G': {
      const double shape = positive();
      return Model{model::Gamma{shape, positive() * unit}};
    }
    case 'W': {
      const double scale = positive() * unit;
      notes.add(words.line(), option.text +
                                  " (Weibull): the first parameter is the scale, the second the shape, as ITGSend "
                                  "2.8.1 takes them, whatever its manual says");
      return Model{model::Weibull{positive(), scale}};
    }
    default: return std::nullopt;
  }
}

Model ditg_file(DitgUse use, const DitgWord& option, DitgWords& words, DitgNotes& notes) {
  model::Empirical values;
  values.file = words.value(option).text;
  traffic::TextLines lines(values.file);
  while (const auto line = lines.next()) {
    const traffic::Word& word = line->front();
    const auto number = parse_number(word.text);
    if (!number || *number < 0 || line->size() > 1)
      lines.fail(word, std::string("a line is one number, of ") + (use == DitgUse::size ? "bytes" : "milliseconds"));
    values.values.push_back(*number * (use == DitgUse::size ? 1 : 1e-3));
    values.weights.push_back(1);
  }
  if (values.values.empty()) words.fail(option, values.file + " holds no values");
  notes.add(words.line(),
            option.text +
                ": values are drawn at random from the file's, not in its order; for their order make "
                "a trace: paste -d, IDTS SIZES > t.csv, and --trace t.csv --trace-speed 1000 --trace-repeat");
  return {values};
}

}  // namespace paceline::sender
