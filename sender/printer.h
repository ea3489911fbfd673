// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <fstream>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "paceline/sender.h"
#include "sender/options.h"
#include "sender/output_lane.h"

namespace paceline::sender {

/// Tells a run to all the outputs that the command line asks for. What people and pipes read is written on one thread,
/// files beside it on another: neither holds up the other, or the run.
class Printer : public RunObserver {
 public:
  /// `options` outlives the printer. Throws FileError when a file cannot be made.
  explicit Printer(const Options& options);

  void waiting(std::uint16_t port) override;
  void connected(const std::string& address) override;
  void path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) override;
  void interval(std::size_t flow, const PacketInterval& interval) override;
  void interval(std::size_t flow, const TcpInterval& interval) override;
  void interval(std::size_t flow, const ConnectionInterval& interval) override;
  void record(std::size_t flow, const std::filesystem::path& file, std::uint64_t bytes, std::uint64_t of) override;
  void warning(const std::string& text) override;

  void summary(const RunResult& result);
  /// Waits until all is written. Says on standard error what could not be; false then.
  bool close();

 private:
  std::ofstream file_;  // of Options::output
  std::ostream& out_;
  const std::string out_name_;
  std::vector<std::unique_ptr<OutputLane>> lanes_;
};

}  // namespace paceline::sender
