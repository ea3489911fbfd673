// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <fstream>
#include <string>

#include "paceline/report.h"
#include "sender/output.h"

namespace paceline::sender {

/// A run as a page to look at, written when it is over.
class ReportOutput : public Output {
 public:
  /// Throws FileError when the file cannot be made.
  explicit ReportOutput(const std::string& file);

  void interval(std::size_t flow, const PacketInterval& interval) override { report_.interval(flow, interval); }
  void interval(std::size_t flow, const TcpInterval& interval) override { report_.interval(flow, interval); }
  void interval(std::size_t flow, const ConnectionInterval& interval) override { report_.interval(flow, interval); }
  void finish(const RunResult& result) override;
  std::string trouble() const override;

 private:
  const std::string file_;
  std::ofstream out_;
  Report report_;
};

}  // namespace paceline::sender
