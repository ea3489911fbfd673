// SPDX-License-Identifier: MIT
//
// One number of a run, by the name that people write: "throughput", "p99", "rx.tc-rx.user stddev", "cpu receiver".
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>
#include <vector>

namespace paceline::decoder {

class RunMetric {
 public:
  /// Throws UsageError with what is known, and with what was probably meant.
  static RunMetric parse(std::string_view text);

  const std::string& name() const { return name_; }
  /// "bit/s", "packets/s", "connections/s", "ns", "CPUs", "" (a share, a count).
  const char* unit() const;

  /// Of a run as a runs file has it (a document's members, with histograms), its flows taken together: counts and rates
  /// add up, distributions are one. NaN where nothing of the kind was measured. `flow`: only that one, by its name or
  /// its number from 1; empty: all.
  double of(simdjson::dom::element run, std::string_view flow) const;

  /// What can be written, a line each, for people.
  static std::string help();

 private:
  enum class Kind { throughput, rate, loss, retransmits, failures, cpu_sender, cpu_receiver, distribution };
  enum class Statistic { mean, stddev, min, max, percentile };

  std::string name_;
  Kind kind_ = Kind::throughput;
  std::string source_;  // of a distribution: "delay", "jitter", "rx.tc-rx.user"
  Statistic statistic_ = Statistic::mean;
  double quantile_ = 0;
};

}  // namespace paceline::decoder
