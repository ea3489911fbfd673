// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "decoder/packet_sum.h"
#include "paceline/sender.h"
#include "sender/options.h"

namespace paceline::sender {

/// Prints a run as it goes: results to `out`, all else to standard error.
class Printer : public RunObserver {
 public:
  /// Both outlive the printer.
  Printer(const Options& options, std::ostream& out);

  void connected(const std::string& address) override;
  void path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) override;
  void interval(std::size_t flow, const PacketInterval& interval) override;
  void interval(std::size_t flow, const TcpInterval& interval) override;
  void interval(std::size_t flow, const ConnectionInterval& interval) override;
  void warning(const std::string& text) override;

  void summary(const RunResult& result);

 private:
  template <class Spec, class Interval>
  void show(std::size_t flow, const Interval& interval);
  void heads();
  void row(const std::string& label, const std::string& row);
  void sums(const std::vector<PacketInterval>& rows);
  std::string label(std::size_t flow) const;

  const Options& options_;
  std::ostream& out_;
  std::vector<PacketFlowSpec> packets_;  // the run's flows of packets
  decoder::PacketRowSum sum_;            // of their rows, when they are too many to be read
  decoder::PacketRowSum back_;           // of the rows of what came back
  std::size_t paths_ = 0;                // that were told
  bool headed_ = false;
};

}  // namespace paceline::sender
