// SPDX-License-Identifier: MIT
//
// HTML reports: one file that needs no network, with charts, light and dark.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "paceline/compare.h"
#include "paceline/result.h"

namespace paceline {

/// Keeps of a run's intervals what its report draws: some 200 bytes a row, of 250,000 rows at most, then the flows that
/// come first.
class Report {
 public:
  Report();
  ~Report();
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  /// `flow` is the run's, from 0.
  void interval(std::size_t flow, const PacketInterval& interval);
  void interval(std::size_t flow, const TcpInterval& interval);
  void interval(std::size_t flow, const ConnectionInterval& interval);

  /// The whole page. Without rows that were told of, the charts over time are left out. `source` says where the run
  /// comes from: a file's name; may be empty.
  std::string html(const RunResult& run, const std::string& source = {}) const;

 private:
  struct Rows;
  std::unique_ptr<Rows> rows_;
};

/// A page with the comparison's tables and, for each metric, ratios over the last axis of `by`, a line a figure, their
/// intervals shaded.
std::string render_html(const Comparison& comparison);

}  // namespace paceline
