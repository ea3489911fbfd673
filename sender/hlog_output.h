// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <fstream>
#include <string>

#include "decoder/render_hlog.h"
#include "sender/output.h"

namespace paceline::sender {

/// A run's delays as a log of HdrHistograms, an interval at a time.
class HlogOutput : public Output {
 public:
  /// Throws FileError when the file cannot be made. `run` outlives this.
  HlogOutput(const RunSpec& run, const std::string& file);

  void interval(std::size_t flow, const PacketInterval& interval) override { add(flow, interval); }
  void interval(std::size_t flow, const TcpInterval& interval) override { add(flow, interval); }
  void interval(std::size_t flow, const ConnectionInterval& interval) override { add(flow, interval); }
  void show() override { out_.flush(); }
  std::string note() const override;
  std::string trouble() const override;

 private:
  template <class Interval>
  void add(std::size_t flow, const Interval& interval);

  const RunSpec& run_;
  const std::string file_;
  std::ofstream out_;
  decoder::HistogramLog log_;
};

}  // namespace paceline::sender
