// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "decoder/live_view.h"
#include "decoder/terminal_picture.h"
#include "sender/notices.h"
#include "sender/output.h"

namespace paceline::sender {

/// A run as a picture on the terminal of standard output, redrawn in place, then the summary.
class LiveOutput : public Output {
 public:
  /// Outlives this.
  LiveOutput(const RunSpec& run, bool colour);

  void waiting(std::uint16_t port) override;
  void connected(const std::string& address) override;
  void path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) override;
  void interval(std::size_t flow, const PacketInterval& interval) override;
  void interval(std::size_t flow, const TcpInterval& interval) override;
  void interval(std::size_t flow, const ConnectionInterval& interval) override;
  void record(std::size_t flow, const std::filesystem::path& file, std::uint64_t bytes, std::uint64_t of) override;
  void warning(const std::string& text) override;
  void finish(const RunResult& result) override;
  void show() override;

 private:
  using Time = std::chrono::steady_clock::time_point;

  template <class Interval>
  void take(std::size_t flow, const Interval& interval);

  const RunSpec& run_;
  const bool colour_;
  Notices notices_;
  decoder::LiveView view_;
  decoder::TerminalPicture picture_;
  std::size_t paths_ = 0;        // that were confirmed
  std::optional<Time> started_;  // about: when the first row was due
  bool over_ = false;
};

}  // namespace paceline::sender
