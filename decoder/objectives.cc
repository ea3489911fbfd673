// SPDX-License-Identifier: MIT
#include "decoder/objectives.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "paceline/error.h"
#include "paceline/units.h"
#include "proto/quantity_text.h"

namespace paceline {

namespace {

constexpr std::array<std::pair<std::string_view, Metric>, 15> kMetrics{{{"delay", Metric::delay},
                                                                        {"round_trip", Metric::round_trip},
                                                                        {"ipdv", Metric::ipdv},
                                                                        {"loss", Metric::loss},
                                                                        {"throughput", Metric::throughput},
                                                                        {"jitter", Metric::jitter},
                                                                        {"lateness", Metric::lateness},
                                                                        {"retransmits", Metric::retransmits},
                                                                        {"connect", Metric::connect},
                                                                        {"exchange", Metric::exchange},
                                                                        {"failures", Metric::failures},
                                                                        {"tx.user-rx.user", Metric::tx_user_rx_user},
                                                                        {"tx.due-rx.user", Metric::tx_due_rx_user},
                                                                        {"tx.user-rx.tc", Metric::tx_user_rx_tc},
                                                                        {"rx.tc-rx.user", Metric::rx_tc_rx_user}}};
constexpr std::array<std::pair<std::string_view, Statistic>, 4> kStatistics{
    {{"mean", Statistic::mean}, {"stddev", Statistic::stddev}, {"min", Statistic::min}, {"max", Statistic::max}}};
constexpr std::string_view kForm =
    "write [delay|round_trip|ipdv|jitter|lateness|connect|exchange|rx.tc-rx.user|...] p99|mean|stddev|min|max < TIME, "
    "loss|failures < 0.1%, throughput > 10M or retransmits < 100";

bool is_ratio(Metric metric) { return metric == Metric::loss || metric == Metric::failures; }

bool is_one_number(Metric metric) {
  return is_ratio(metric) || metric == Metric::throughput || metric == Metric::retransmits;
}

/// An objective's words, one after the other, and where they stand.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) { skip_blanks(); }

  /// The next word, or the comparison; empty at the end.
  std::string_view next() {
    start_ = at_;
    if (at_ < text_.size() && is_comparison(text_[at_])) {
      while (at_ < text_.size() && (is_comparison(text_[at_]) || text_[at_] == '=')) ++at_;
    } else {
      while (at_ < text_.size() && !is_comparison(text_[at_]) && !is_blank(text_[at_])) ++at_;
    }
    const std::string_view word = text_.substr(start_, at_ - start_);
    skip_blanks();
    return word;
  }

  bool at_end() const { return at_ == text_.size(); }

  /// Of the word that next() gave last.
  [[noreturn]] void refuse(const std::string& why) const {
    throw UsageError(fmt::format("objective '{}', column {}: {}", text_, start_ + 1, why));
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t'; }
  static bool is_comparison(char c) { return c == '<' || c == '>'; }
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;
};

template <class Choices>
auto find(const Choices& choices, std::string_view word) {
  return std::ranges::find(choices, word, &Choices::value_type::first);
}

// "p99", "p99.9": the number behind the p.
std::optional<double> percentile_of(std::string_view word) {
  if (!word.starts_with('p')) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(word.data() + 1, word.data() + word.size(), number);
  if (error != std::errc{} || end != word.data() + word.size() || !(number >= 0 && number <= 100)) return std::nullopt;
  return number;
}

double parse_limit(std::string_view text, Metric metric) {
  if (metric == Metric::throughput) return units::parse_bitrate(text);
  if (metric == Metric::retransmits) return units::detail::parse(text, "count", {{"", 1}, {"k", 1e3}, {"M", 1e6}});
  if (!is_ratio(metric)) return static_cast<double>(units::parse_duration(text).count());
  const std::string what = metric == Metric::loss ? "loss" : "share of failures";
  const double ratio = units::detail::parse(text, what.c_str(), {{"", 1}, {"%", 0.01}});
  if (ratio > 1) throw UsageError("'" + std::string(text) + "' is no " + what + ": it must be 0 to 100% (or 0 to 1)");
  return ratio;
}

// What is written reads back as the same number.

std::string written_bitrate(double bps) {
  constexpr std::array<std::pair<double, const char*>, 3> kUnits{{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}}};
  for (const auto& [factor, unit] : kUnits) {
    const std::string text = fmt::format("{}{}", bps / factor, unit);
    if (bps >= factor && units::parse_bitrate(text) == bps) return text;
  }
  return fmt::format("{}", bps);
}

std::string written_ratio(double ratio, Metric metric) {
  const std::string text = fmt::format("{:.12g}%", ratio * 100);
  return parse_limit(text, metric) == ratio ? text : fmt::format("{}", ratio);
}

}  // namespace

Objective parse_objective(std::string_view text) {
  Words words(text);
  Objective objective;
  std::string_view word = words.next();

  const auto metric = find(kMetrics, word);
  if (metric != kMetrics.end()) {
    objective.metric = metric->second;
    word = words.next();
  }
  const bool compared = word.starts_with('<') || word.starts_with('>');
  if (is_one_number(objective.metric)) {
    objective.statistic = Statistic::value;
  } else if (const auto percentile = percentile_of(word)) {
    objective.percentile = *percentile;
    word = words.next();
  } else if (const auto statistic = find(kStatistics, word); statistic != kStatistics.end()) {
    objective.statistic = statistic->second;
    word = words.next();
  } else if (compared && metric != kMetrics.end()) {
    words.refuse(fmt::format("which {}? Say p50 to p100, mean, stddev, min or max before the limit", metric->first));
  } else {
    words.refuse(fmt::format("'{}' is not known: {}", word, kForm));
  }

  if (word != "<" && word != ">" && word != "<=" && word != ">=")
    words.refuse(fmt::format("'{}' stands where < or > must: {}", word, kForm));
  objective.at_least = word.starts_with('>');
  word = words.next();
  if (word.empty()) words.refuse("the limit is missing: " + std::string(kForm));
  try {
    objective.limit = parse_limit(word, objective.metric);
  } catch (const UsageError& error) {
    words.refuse(error.what());
  }
  if (!words.at_end()) {
    const std::string_view rest = words.next();
    words.refuse(fmt::format("'{}' follows the limit: one objective is one comparison", rest));
  }
  return objective;
}

std::string to_string(const Objective& objective) {
  const auto metric = std::ranges::find(kMetrics, objective.metric, &decltype(kMetrics)::value_type::second);
  const auto statistic =
      std::ranges::find(kStatistics, objective.statistic, &decltype(kStatistics)::value_type::second);
  std::string text(metric->first);
  if (objective.statistic == Statistic::percentile) text += fmt::format(" p{}", objective.percentile);
  if (statistic != kStatistics.end()) text += fmt::format(" {}", statistic->first);
  text += objective.at_least ? " > " : " < ";
  switch (objective.metric) {
    case Metric::loss:
    case Metric::failures: return text + written_ratio(objective.limit, objective.metric);
    case Metric::retransmits: return text + fmt::format("{}", objective.limit);
    case Metric::throughput: return text + written_bitrate(objective.limit);
    default: return text + to_string(objective.limit / 1e9, Quantity::time);
  }
}

}  // namespace paceline

namespace paceline::decoder {

namespace {

constexpr std::size_t kFromUser = 0, kFromDue = 1;  // of kSegments

/// What was measured of one kind, or why nothing was.
struct Measured {
  std::optional<double> value;
  std::string reason;
};

using Flows = std::vector<const FlowResult*>;

// What arrived at the end where it is measured: an echo request is answered by a kernel, which counts nothing.
struct Arrived {
  const Received& received;
  nanoseconds first;
  nanoseconds last;
};

Arrived arrived(const PacketFlowResult& flow) {
  if (flow.spec.transport == Transport::icmp && flow.round_trip)
    return {flow.round_trip->received, flow.round_trip->first_arrival, flow.round_trip->last_arrival};
  return {flow.received, flow.first_arrival, flow.last_arrival};
}

// tx.due to rx.user; tx.user to rx.user where nothing was due.
const Distribution& delays(const Statistics& statistics) {
  return statistics.segments[kFromDue].count > 0 ? statistics.segments[kFromDue] : statistics.segments[kFromUser];
}

// The magnitudes. Squares have no sign, so the standard deviation suffers from the mean's rounding alone.
Distribution magnitudes(const Distribution& signed_values) {
  Distribution folded;
  folded.count = signed_values.count;
  folded.sum = signed_values.sum;
  folded.sum_squares = signed_values.sum_squares;
  Distribution negative;
  for (const Distribution::Bucket& bucket : signed_values.buckets) {
    const auto value = static_cast<uint128>(static_cast<int128>(buckets::value_at(bucket.index)));
    if (bucket.index < 0) folded.sum -= 2 * value * bucket.count;  // in the sum as -v, to be there as v
    (bucket.index < 0 ? negative : folded).buckets.push_back(bucket);
  }
  for (Distribution::Bucket& bucket : negative.buckets) bucket.index = -bucket.index;
  std::ranges::reverse(negative.buckets);

  Distribution both;
  both.buckets = std::exchange(folded.buckets, {});
  both.count = 1;  // merge() takes the buckets of what is not empty
  negative.count = 1;
  both.merge(negative);
  folded.buckets = std::move(both.buckets);
  if (signed_values.count > 0) {
    const auto last = std::numeric_limits<std::int64_t>::max();
    const auto magnitude = [&](std::int64_t value) { return value < -last ? last : std::abs(value); };
    folded.min = buckets::value_at(folded.buckets.front().index);
    folded.max = std::max(magnitude(signed_values.min), magnitude(signed_values.max));
    if (signed_values.min >= 0) folded.min = signed_values.min;
    if (signed_values.max <= 0) folded.min = magnitude(signed_values.max);
  }
  return folded;
}

const Distribution kNothing;

// What a flow has of a metric; nothing of what its kind does not measure.
const Distribution& distribution(const PacketFlowResult& flow, Metric metric) {
  switch (metric) {
    case Metric::delay: return delays(flow.statistics);
    case Metric::round_trip: return flow.round_trip ? delays(flow.round_trip->statistics) : kNothing;
    case Metric::ipdv: return flow.statistics.ipdv;
    case Metric::jitter: return flow.statistics.jitter;
    case Metric::lateness: return flow.sent.lateness;
    case Metric::tx_user_rx_user: return flow.statistics.segments[0];
    case Metric::tx_due_rx_user: return flow.statistics.segments[1];
    case Metric::tx_user_rx_tc: return flow.statistics.segments[2];
    case Metric::rx_tc_rx_user: return flow.statistics.segments[3];
    default: return kNothing;
  }
}
const Distribution& distribution(const TcpFlowResult& flow, Metric metric) {
  return metric == Metric::rx_tc_rx_user ? flow.host_delay : kNothing;
}
const Distribution& distribution(const ConnectionFlowResult& flow, Metric metric) {
  switch (metric) {
    case Metric::connect: return flow.exchanges.connect;
    case Metric::exchange: return flow.exchanges.whole;
    case Metric::lateness: return flow.exchanges.lateness;
    default: return kNothing;
  }
}

Distribution distribution(const Flows& flows, Metric metric) {
  Distribution all;
  for (const FlowResult* any : flows)
    all.merge(std::visit([&](const auto& flow) -> const Distribution& { return distribution(flow, metric); }, *any));
  return metric == Metric::ipdv ? magnitudes(all) : all;
}

std::string why_nothing(Metric metric) {
  switch (metric) {
    case Metric::round_trip: return "no packet of the slice came back: its flows need meter = round_trip";
    case Metric::tx_user_rx_tc:
    case Metric::rx_tc_rx_user: return "no packet of the slice was stamped before it was received";
    case Metric::lateness: return "nothing that the slice sent was due at a time";
    case Metric::connect: return "the slice made no TCP connections that were counted";
    case Metric::exchange: return "the slice has no flow of connections, or none came to its end";
    default: return "no packet of the slice had its delay measured";
  }
}

Measured of_distribution(const Flows& flows, const Objective& objective) {
  const Distribution values = distribution(flows, objective.metric);
  if (values.count == 0) return {{}, why_nothing(objective.metric)};
  switch (objective.statistic) {
    case Statistic::mean: return {values.mean(), ""};
    case Statistic::stddev: return {values.stddev(), ""};
    case Statistic::min: return {static_cast<double>(values.min), ""};
    case Statistic::max: return {static_cast<double>(values.max), ""};
    default: return {static_cast<double>(values.quantile(objective.percentile / 100)), ""};
  }
}

Measured loss(const Flows& flows) {
  double lost = 0, expected = 0;
  for (const FlowResult* any : flows) {
    const auto* flow = std::get_if<PacketFlowResult>(any);
    if (!flow) continue;
    const Received& received = arrived(*flow).received;
    lost += static_cast<double>(received.lost);
    expected += static_cast<double>(received.packets) + static_cast<double>(received.lost);
  }
  if (expected <= 0) return {{}, "the slice sent no packets that are counted one by one"};
  return {lost / expected, ""};
}

Measured failures(const Flows& flows) {
  double failed = 0, ended = 0;
  for (const FlowResult* any : flows) {
    const auto* flow = std::get_if<ConnectionFlowResult>(any);
    if (!flow) continue;
    failed += static_cast<double>(flow->exchanges.failures());
    ended += static_cast<double>(flow->exchanges.failures() + flow->exchanges.completed);
  }
  if (ended <= 0) return {{}, "the slice has no flow of connections, or none came to its end"};
  return {failed / ended, ""};
}

Measured retransmits(const Flows& flows) {
  std::optional<double> segments;
  for (const FlowResult* any : flows) {
    const auto* flow = std::get_if<TcpFlowResult>(any);
    if (!flow) continue;
    for (const StreamResult& stream : flow->streams)
      segments = segments.value_or(0) + static_cast<double>(stream.retransmits);
  }
  return {segments, segments ? "" : "the slice has no TCP streams"};
}

/// When what is counted began and ended to arrive, on the run's time, and how much of it came after the beginning.
struct Window {
  nanoseconds begin;
  nanoseconds end;
  double bytes = 0;
  double at_begin = 0;  // bytes that mark the beginning: a first packet's
};

Window window(const PacketFlowResult& flow) {
  const Arrived seen = arrived(flow);
  if (seen.received.packets == 0) return {};
  const auto bytes = static_cast<double>(seen.received.bytes);
  return {flow.spec.delay + seen.first, flow.spec.delay + seen.last, bytes,
          bytes / static_cast<double>(seen.received.packets)};
}

Window window(const TcpFlowResult& flow) {
  return {flow.spec.delay + flow.spec.omit, flow.spec.delay + flow.last_arrival, static_cast<double>(flow.received)};
}

Window window(const ConnectionFlowResult&) { return {}; }

Measured throughput(const Flows& flows) {
  std::optional<Window> all;
  for (const FlowResult* any : flows) {
    const Window one = std::visit([](const auto& flow) { return window(flow); }, *any);
    if (one.bytes == 0) continue;
    if (!all) {
      all = one;
      continue;
    }
    all->at_begin = one.begin < all->begin ? one.at_begin : all->at_begin;
    all->begin = std::min(all->begin, one.begin);
    all->end = std::max(all->end, one.end);
    all->bytes += one.bytes;
  }
  if (!all || all->end <= all->begin) return {{}, "too little of the slice arrived to have a rate"};
  return {(all->bytes - all->at_begin) * 8e9 / static_cast<double>((all->end - all->begin).count()), ""};
}

Measured measure(const Flows& flows, const Objective& objective) {
  switch (objective.metric) {
    case Metric::loss: return loss(flows);
    case Metric::throughput: return throughput(flows);
    case Metric::failures: return failures(flows);
    case Metric::retransmits: return retransmits(flows);
    default: return of_distribution(flows, objective);
  }
}

double margin(double value, const Objective& objective) {
  const double better = objective.at_least ? value - objective.limit : objective.limit - value;
  return better == 0 ? 0 : better / objective.limit;
}

ObjectiveResult judge(const Flows& flows, const Objective& objective) {
  ObjectiveResult result;
  result.objective = objective;
  const Measured measured = measure(flows, objective);
  result.reason = measured.reason;
  result.measured = measured.value.has_value();
  if (!result.measured) return result;
  result.value = *measured.value;
  result.met = objective.at_least ? result.value >= objective.limit : result.value <= objective.limit;
  result.margin = margin(result.value, objective);
  return result;
}

}  // namespace

std::vector<ObjectiveResult> judge(const std::vector<Objective>& requirements, const std::vector<FlowResult>& flows) {
  Flows all;
  for (const FlowResult& flow : flows) all.push_back(&flow);
  std::vector<ObjectiveResult> results;
  for (const Objective& objective : requirements) results.push_back(judge(all, objective));
  return results;
}

std::vector<SliceResult> judge(const std::vector<SliceSpec>& slices, const std::vector<FlowResult>& flows) {
  std::vector<SliceResult> results;
  for (const SliceSpec& slice : slices) {
    Flows of_slice;
    for (const std::size_t flow : slice.flows) of_slice.push_back(&flows.at(flow));
    SliceResult result{.spec = slice, .objectives = {}};
    for (const Objective& objective : slice.objectives) result.objectives.push_back(judge(of_slice, objective));
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace paceline::decoder
