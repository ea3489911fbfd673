// SPDX-License-Identifier: MIT
#include "receiver/metrics_text.h"

#include <fmt/format.h>

#include <iterator>

namespace paceline::receiver {

namespace {

std::string escaped(std::string_view value) {
  std::string text;
  for (const char letter : value) {
    if (letter == '\\' || letter == '"') text += '\\';
    if (letter == '\n') {
      text += "\\n";
    } else {
      text += letter >= ' ' && letter <= '~' ? letter : '?';
    }
  }
  return text;
}

std::string seconds(std::int64_t nanoseconds) { return fmt::format("{:g}", static_cast<double>(nanoseconds) / 1e9); }

}  // namespace

void DelayBuckets::add(const Distribution& delays) {
  auto edge = kEdges.begin();
  for (const Distribution::Bucket& bucket : delays.buckets) {  // ascending, as the edges are
    while (edge != kEdges.end() && buckets::index_of(*edge) < bucket.index) ++edge;
    counts_[static_cast<std::size_t>(edge - kEdges.begin())] += bucket.count;
  }
  count_ += delays.count;
  sum_ += delays.sum;
}

std::uint64_t DelayBuckets::up_to(std::size_t edge) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= edge; ++i) sum += counts_[i];
  return sum;
}

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void MetricsText::line(std::string_view suffix, const Labels& labels, std::string_view value) {
  auto out = std::back_inserter(text_);
  fmt::format_to(out, "{}{}", name_, suffix);
  std::string_view before = "{";
  for (const auto& [label, text] : labels) {
    fmt::format_to(out, "{}{}=\"{}\"", before, label, escaped(text));
    before = ",";
  }
  fmt::format_to(out, "{} {}\n", labels.empty() ? "" : "}", value);
}

void MetricsText::sample(std::uint64_t value, const Labels& labels) { line("", labels, std::to_string(value)); }

void MetricsText::sample(double value, const Labels& labels) { line("", labels, fmt::format("{}", value)); }

void MetricsText::sample(const DelayBuckets& delays, const Labels& labels) {
  Labels with_edge = labels;
  with_edge.emplace_back("le", "");
  for (std::size_t i = 0; i < DelayBuckets::kEdges.size(); ++i) {
    with_edge.back().second = seconds(DelayBuckets::kEdges[i]);
    line("_bucket", with_edge, std::to_string(delays.up_to(i)));
  }
  with_edge.back().second = "+Inf";
  line("_bucket", with_edge, std::to_string(delays.count()));
  line("_sum", labels, fmt::format("{}", delays.sum_seconds()));
  line("_count", labels, std::to_string(delays.count()));
}

}  // namespace paceline::receiver
