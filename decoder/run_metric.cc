// SPDX-License-Identifier: MIT
#include "decoder/run_metric.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "decoder/histogram_text.h"
#include "paceline/error.h"
#include "paceline/result.h"
#include "proto/suggest.h"

namespace paceline::decoder {

namespace {

using Element = simdjson::dom::element;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// Where a distribution stands in a flow.
struct Source {
  std::string_view name;
  std::string_view path;  // a JSON pointer; empty: it takes more than that to find
  std::string_view about;
};
constexpr std::array<Source, 10> kSources{{
    {"delay", "", "one-way delay: tx.due to rx.user where there is a schedule, else tx.user to rx.user"},
    {"round_trip", "", "likewise of what came back to the sender"},
    {"ipdv", "/ipdv_ns", "delay less that of the packet before"},
    {"jitter", "/jitter_ns", "changes of the transit time, without their sign"},
    {"lateness", "", "of sends, or of connections' starts"},
    {"connect", "/connect_ns", "from SYN to established"},
    {"first_packet", "/first_packet_ns", "from a connection's request to its reply"},
    {"whole", "/whole_ns", "from connect() to the reply"},
    {"host_delay", "/host_delay_ns", "of TCP, TC hook to application"},
    {"arrival_gap", "/arrival_gap_ns", "of TCP, between 64 KiB at the hook"},
}};

struct Number {
  std::string_view name;
  std::string_view about;
};
constexpr std::array<Number, 7> kNumbers{{
    {"throughput", "bit/s of payload that arrived"},
    {"rate", "packets, or completed connections, a second"},
    {"loss", "lost of expected packets"},
    {"retransmits", "TCP segments sent again"},
    {"failures", "connections that failed"},
    {"cpu sender", "CPUs that the sender's process kept busy"},
    {"cpu receiver", "CPUs that the receiver's process kept busy"},
}};

std::string segment_name(const SegmentEnds& ends) {
  return fmt::format("{}-{}", to_string(ends.from), to_string(ends.to));
}

double number(Element from, std::string_view pointer) {
  double value = 0;
  return from.at_pointer(pointer).get(value) == simdjson::SUCCESS ? value : kUnknown;
}

std::string_view text(Element from, std::string_view pointer) {
  std::string_view value;
  return from.at_pointer(pointer).get(value) == simdjson::SUCCESS ? value : std::string_view();
}

/// Distributions of several flows as one.
class Together {
 public:
  void add(Element values, bool with_histogram) {
    std::uint64_t count = 0;
    if (values["count"].get(count) != simdjson::SUCCESS || count == 0) return;
    const double mean = number(values, "/mean"), stddev = number(values, "/stddev");
    std::int64_t least = 0, most = 0;
    if (values["min"].get(least) != simdjson::SUCCESS || values["max"].get(most) != simdjson::SUCCESS) return;
    // Chan et al. (1979): moments of two samples that were made one.
    const auto n = static_cast<double>(count_), m = static_cast<double>(count);
    const double apart = mean - mean_;
    mean_ += apart * m / (n + m);
    squares_ += stddev * stddev * (m - 1) + apart * apart * n * m / (n + m);
    if (with_histogram) add_buckets(values, count);
    min_ = count_ == 0 ? least : std::min(min_, least);
    max_ = count_ == 0 ? most : std::max(max_, most);
    count_ += count;
  }

  bool empty() const { return count_ == 0; }
  double mean() const { return mean_; }
  double stddev() const { return count_ < 2 ? kUnknown : std::sqrt(squares_ / static_cast<double>(count_ - 1)); }
  double min() const { return static_cast<double>(min_); }
  double max() const { return static_cast<double>(max_); }
  double quantile(double q) {
    if (!whole_) return kUnknown;
    all_.count = count_;
    all_.min = min_;
    all_.max = max_;
    return static_cast<double>(all_.quantile(q));
  }

 private:
  void add_buckets(Element values, std::uint64_t count) {
    std::string_view coded;
    const bool there = values["histogram"].get(coded) == simdjson::SUCCESS;
    auto buckets = there ? parse_histogram(coded) : std::nullopt;
    whole_ = whole_ && buckets.has_value();
    if (!whole_) return;
    Distribution one;
    one.count = count;
    one.buckets = std::move(*buckets);
    if (all_.buckets.empty()) {
      all_.buckets = std::move(one.buckets);
    } else {
      all_.merge(one);
    }
  }

  std::uint64_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // around the mean
  std::int64_t min_ = 0, max_ = 0;
  Distribution all_;   // the buckets
  bool whole_ = true;  // every one's histogram could be read
};

std::optional<Element> segment(Element list_owner, std::string_view name) {
  simdjson::dom::array segments;
  if (list_owner["segments"].get(segments) != simdjson::SUCCESS) return std::nullopt;
  for (const Element one : segments) {
    const std::string_view from = text(one, "/from"), to = text(one, "/to");
    Element delay;
    if (name.size() == from.size() + 1 + to.size() && name.starts_with(from) && name.ends_with(to) &&
        one["delay_ns"].get(delay) == simdjson::SUCCESS)
      return delay;
  }
  return std::nullopt;
}

// Whether a flow has a schedule, against which its packets can be late.
bool is_scheduled(Element flow) {
  Element model, trace;
  const bool drawn = (flow.at_pointer("/flow/model").get(model) == simdjson::SUCCESS && !model.is_null()) ||
                     (flow.at_pointer("/flow/trace").get(trace) == simdjson::SUCCESS && !trace.is_null());
  return drawn || number(flow, "/flow/rate_pps") > 0;
}

std::optional<Element> distribution(Element flow, const std::string& source) {
  Element found;
  if (source == "delay") return segment(flow, is_scheduled(flow) ? "tx.due-rx.user" : "tx.user-rx.user");
  if (source == "round_trip") {
    if (flow["round_trip"].get(found) != simdjson::SUCCESS || !found.is_object()) return std::nullopt;
    return segment(found, is_scheduled(flow) ? "tx.due-rx.user" : "tx.user-rx.user");
  }
  if (source == "lateness") {
    const bool packets = flow.at_pointer("/sent/lateness_ns").get(found) == simdjson::SUCCESS;
    if (packets || flow["lateness_ns"].get(found) == simdjson::SUCCESS) return found;
    return std::nullopt;
  }
  const auto simple = std::ranges::find(kSources, source, &Source::name);
  if (simple == kSources.end()) return segment(flow, source);
  if (flow.at_pointer(simple->path).get(found) != simdjson::SUCCESS) return std::nullopt;
  return found;
}

double throughput(Element flow) {
  const double of_tcp = number(flow, "/received/goodput_bps");
  return std::isnan(of_tcp) ? number(flow, "/received/rate_bps") : of_tcp;
}

double rate(Element flow) {
  const double of_connections = number(flow, "/exchanges/rate_cps");
  return std::isnan(of_connections) ? number(flow, "/received/rate_pps") : of_connections;
}

double busy(Element flow, std::string_view end) {
  const std::string at = fmt::format("/cpu/{}", end);
  return (number(flow, at + "/user_ns") + number(flow, at + "/system_ns")) / number(flow, at + "/elapsed_ns");
}

// Flows of which this is known, added up; NaN if it is of none.
template <class Of>
double sum(const std::vector<Element>& flows, const Of& of) {
  double sum = kUnknown;
  for (const Element flow : flows) {
    const double one = of(flow);
    if (!std::isnan(one)) sum = std::isnan(sum) ? one : sum + one;
  }
  return sum;
}

std::vector<Element> chosen(Element run, std::string_view flow) {
  std::vector<Element> flows;
  simdjson::dom::array all;
  if (run["flows"].get(all) != simdjson::SUCCESS) return flows;
  std::size_t number = 0;
  for (const Element one : all) {
    ++number;
    if (flow.empty() || flow == text(one, "/flow/name") || flow == std::to_string(number)) flows.push_back(one);
  }
  return flows;
}

std::vector<std::string> sources() {
  std::vector<std::string> names;
  for (const Source& source : kSources) names.emplace_back(source.name);
  for (const SegmentEnds& ends : kSegments) names.push_back(segment_name(ends));
  return names;
}

}  // namespace

RunMetric RunMetric::parse(std::string_view text) {
  RunMetric metric;
  const auto begin = text.find_first_not_of(' ');
  text = begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
  metric.name_ = text;
  const auto plain = std::ranges::find(kNumbers, text, &Number::name);
  if (plain != kNumbers.end()) {
    metric.kind_ = static_cast<Kind>(plain - kNumbers.begin());
    return metric;
  }

  metric.kind_ = Kind::distribution;
  const auto blank = text.rfind(' ');
  const std::string_view statistic = blank == std::string_view::npos ? text : text.substr(blank + 1);
  metric.source_ = blank == std::string_view::npos ? "delay" : text.substr(0, text.find(' '));
  constexpr std::array<std::string_view, 4> kStatistics{"mean", "stddev", "min", "max"};
  const auto named = std::ranges::find(kStatistics, statistic);
  double percentile = 0;
  const auto [end, error] = std::from_chars(statistic.data() + 1, statistic.data() + statistic.size(), percentile);
  if (named != kStatistics.end()) {
    metric.statistic_ = static_cast<Statistic>(named - kStatistics.begin());
  } else if (statistic.starts_with('p') && error == std::errc{} && end == statistic.data() + statistic.size() &&
             percentile >= 0 && percentile <= 100) {
    metric.statistic_ = Statistic::percentile;
    metric.quantile_ = percentile / 100;
  } else {
    std::vector<std::string> words = sources();
    for (const Number& known : kNumbers) words.emplace_back(known.name);
    const std::string meant = closest(text.substr(0, text.find(' ')), words);
    throw UsageError(fmt::format("'{}' is no metric{}. There are:\n{}", text,
                                 meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant), help()));
  }
  const std::vector<std::string> known = sources();
  if (std::ranges::find(known, metric.source_) == known.end()) {
    const std::string meant = closest(metric.source_, known);
    throw UsageError(fmt::format("'{}' has no {}{}. There are:\n{}", metric.source_, statistic,
                                 meant.empty() ? "" : fmt::format("; did you mean '{} {}'?", meant, statistic),
                                 help()));
  }
  return metric;
}

const char* RunMetric::unit() const {
  switch (kind_) {
    case Kind::throughput: return "bit/s";
    case Kind::rate: return "1/s";
    case Kind::loss:
    case Kind::retransmits:
    case Kind::failures: return "";
    case Kind::cpu_sender:
    case Kind::cpu_receiver: return "CPUs";
    case Kind::distribution: return "ns";
  }
  return "";
}

double RunMetric::of(Element run, std::string_view flow) const {
  const std::vector<Element> flows = chosen(run, flow);
  switch (kind_) {
    case Kind::throughput: return sum(flows, throughput);
    case Kind::rate: return sum(flows, rate);
    case Kind::loss: {
      const double lost = sum(flows, [](Element one) { return number(one, "/received/lost"); });
      const double arrived = sum(flows, [](Element one) {
        return std::isnan(number(one, "/received/lost")) ? kUnknown : number(one, "/received/packets");
      });
      return lost + arrived > 0 ? lost / (lost + arrived) : kUnknown;
    }
    case Kind::retransmits: return sum(flows, [](Element one) { return number(one, "/sent/retransmits"); });
    case Kind::failures: return sum(flows, [](Element one) { return number(one, "/exchanges/failed/total"); });
    // One process runs all flows of an end: the CPU time of one of them is the whole's.
    case Kind::cpu_sender: return flows.empty() ? kUnknown : busy(flows.front(), "sender");
    case Kind::cpu_receiver: return flows.empty() ? kUnknown : busy(flows.front(), "receiver");
    case Kind::distribution: break;
  }
  Together together;
  for (const Element one : flows) {
    if (const auto values = distribution(one, source_)) together.add(*values, statistic_ == Statistic::percentile);
  }
  if (together.empty()) return kUnknown;
  switch (statistic_) {
    case Statistic::mean: return together.mean();
    case Statistic::stddev: return together.stddev();
    case Statistic::min: return together.min();
    case Statistic::max: return together.max();
    case Statistic::percentile: break;
  }
  return together.quantile(quantile_);
}

std::string RunMetric::help() {
  std::string help;
  for (const Number& known : kNumbers) help += fmt::format("  {:<28}{}\n", known.name, known.about);
  help += "and, followed by mean, stddev, min, max or a percentile (p50, p99.9; alone they are the delay's):\n";
  for (const Source& known : kSources) help += fmt::format("  {:<28}{}\n", known.name, known.about);
  for (const SegmentEnds& ends : kSegments)
    help += fmt::format("  {:<28}{}\n", segment_name(ends), "the segment between two measurement points");
  return help;
}

}  // namespace paceline::decoder
