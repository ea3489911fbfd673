// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "decoder/packet_sum.h"
#include "sender/output.h"

namespace paceline::sender {

/// A run as lines for people: a row an interval, then the summary.
class TextOutput : public Output {
 public:
  /// `run` and `out` outlive this.
  TextOutput(const RunSpec& run, std::ostream& out, bool colour);

  void interval(std::size_t flow, const PacketInterval& interval) override;
  void interval(std::size_t flow, const TcpInterval& interval) override;
  void interval(std::size_t flow, const ConnectionInterval& interval) override;
  void finish(const RunResult& result) override;
  void show() override;

 private:
  template <class Spec, class Interval>
  void show_row(std::size_t flow, const Interval& interval);
  void heads();
  void row(const std::string& label, const std::string& row);
  void sums(const std::vector<PacketInterval>& rows);

  const RunSpec& run_;
  std::ostream& out_;
  const bool colour_;
  std::vector<PacketFlowSpec> packets_;  // the run's flows of packets
  decoder::PacketRowSum sum_;            // of their rows, when they are too many to be read
  decoder::PacketRowSum back_;           // of the rows of what came back
  bool headed_ = false;
};

}  // namespace paceline::sender
