// SPDX-License-Identifier: MIT
#include <algorithm>
#include <random>

#include "paceline/campaign.h"

namespace paceline {

namespace {

// std::shuffle draws differently in every standard library; a campaign is resumed in its own order anywhere.
void shuffle(std::vector<std::size_t>& cells, std::mt19937_64& random) {
  for (std::size_t i = cells.size(); i > 1; --i) std::swap(cells[i - 1], cells[random() % i]);
}

std::vector<CampaignStep> in_rounds(const CampaignSpec& spec) {
  std::vector<std::size_t> cells(spec.cells.size());
  std::mt19937_64 random(spec.seed);
  std::vector<CampaignStep> steps;
  for (std::uint32_t repetition = 1; repetition <= spec.repetitions; ++repetition) {
    for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = i;
    if (spec.order == CampaignOrder::random) shuffle(cells, random);
    for (const std::size_t cell : cells) steps.push_back({cell, repetition});
  }
  return steps;
}

std::vector<CampaignStep> one_after_the_other(const CampaignSpec& spec) {
  std::vector<CampaignStep> steps;
  for (std::size_t cell = 0; cell < spec.cells.size(); ++cell) {
    for (std::uint32_t repetition = 1; repetition <= spec.repetitions; ++repetition)
      steps.push_back({cell, repetition});
  }
  return steps;
}

}  // namespace

std::vector<CampaignStep> steps_of(const CampaignSpec& spec) {
  return spec.order == CampaignOrder::sequential ? one_after_the_other(spec) : in_rounds(spec);
}

nanoseconds time_of(const RunSpec& run) {
  nanoseconds longest{0};
  for (const FlowSpec& flow : run.flows) {
    longest =
        std::max(longest, std::visit([](const auto& spec) { return spec.delay + spec.omit + spec.duration; }, flow));
  }
  return longest;
}

}  // namespace paceline
