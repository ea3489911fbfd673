// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <iosfwd>

#include "paceline/decoder.h"
#include "sender/options.h"
#include "sender/output.h"

namespace paceline::sender {

/// A run for programs: as JSON, NDJSON or CSV.
class DataOutput : public Output {
 public:
  /// Any format but text. `out` outlives this.
  DataOutput(Format format, const RunSpec& run, std::ostream& out);

  void interval(std::size_t flow, const PacketInterval& interval) override { row(flow, interval); }
  void interval(std::size_t flow, const TcpInterval& interval) override { row(flow, interval); }
  void interval(std::size_t flow, const ConnectionInterval& interval) override { row(flow, interval); }
  void finish(const RunResult& result) override;
  void show() override;

 private:
  template <class Interval>
  void row(std::size_t flow, const Interval& interval);

  const Format format_;
  const CsvIntervals csv_;
  std::ostream& out_;
};

}  // namespace paceline::sender
