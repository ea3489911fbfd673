// SPDX-License-Identifier: MIT
#include "tests/relay/impairment.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "paceline/error.h"

namespace paceline::relay {

namespace {

std::uint64_t parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0)
    throw UsageError("'" + std::string(text) + "' is no packet number: they start at 1");
  return number;
}

// Uniform in [0, 1): the top 53 bits, since std::uniform_real_distribution may draw as often as it likes.
double unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

}  // namespace

std::vector<NumberRange> parse_numbers(std::string_view text) {
  std::vector<NumberRange> ranges;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const auto dash = part.find('-');
    const std::uint64_t first = parse_number(part.substr(0, dash));
    const std::uint64_t last = dash == std::string_view::npos ? first : parse_number(part.substr(dash + 1));
    if (last < first) throw UsageError("'" + std::string(part) + "' ends before it starts");
    ranges.push_back({first, last});
  }
  return ranges;
}

Fate Dice::roll(std::uint64_t number, bool matched) {
  const double loss = unit(random_());
  const double duplicate = unit(random_());
  const double reorder = unit(random_());
  const double jitter = unit(random_());

  Fate fate;
  fate.delay = impairment_.delay +
               nanoseconds(static_cast<std::int64_t>(jitter * static_cast<double>(impairment_.jitter.count())));
  if (!matched) return fate;
  const auto holds = [number](const NumberRange& range) { return range.first <= number && number <= range.last; };
  fate.dark = number > impairment_.blackhole_after;
  fate.dropped = fate.dark || loss < impairment_.loss || std::ranges::any_of(impairment_.drop, holds);
  fate.held_back = !fate.dropped && reorder < impairment_.reorder;
  // A copy that overtook the original would make reordering a matter of taste.
  fate.duplicated = !fate.dropped && !fate.held_back && duplicate < impairment_.duplicate;
  return fate;
}

}  // namespace paceline::relay
