// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "paceline/result.h"

namespace paceline::decoder {

/// What a frame is drawn for.
struct Screen {
  std::size_t width = 80;   // columns
  std::size_t height = 24;  // lines
  bool colour = false;
  bool unicode = false;    // else ASCII alone
  nanoseconds elapsed{0};  // since the run's start
  std::string headline{};  // of what is no run: in the place of its progress
};

/// Flows as a picture that changes: how far they are, and what their last intervals gave. Draws text; does no I/O.
class LiveView {
 public:
  /// Flows from 0 on.
  explicit LiveView(const std::vector<FlowSpec>& flows = {});
  /// One that came later; its number is a new one.
  void add(std::size_t flow, const FlowSpec& spec);
  void remove(std::size_t flow);

  void interval(std::size_t flow, const PacketInterval& interval);
  void interval(std::size_t flow, const TcpInterval& interval);
  void interval(std::size_t flow, const ConnectionInterval& interval);

  /// At most height - 1 lines of at most `width` columns (columns of figures are left out whole where there is no room
  /// for them); no line ends.
  std::vector<std::string> frame(const Screen& screen) const;

 private:
  enum class Kind { packets, back, tcp, connections };
  /// What is shown of one flow, one way.
  struct Line {
    std::vector<std::string> cells{};
    std::deque<double> trend{};  // of the last intervals
    std::uint64_t amount = 0;    // so far: packets, retransmits, completed exchanges
    std::int64_t missing = 0;    // so far: lost packets, failed exchanges
    std::int64_t worst = 0;      // delay so far
    PacketInterval last{};       // of packets
  };
  void packets(Line& line, const PacketInterval& interval, double asked) const;
  void show_sum(std::vector<std::string>& lines, const Screen& screen, Kind kind) const;
  std::string label(std::size_t flow) const;
  std::string progress(const Screen& screen) const;

  std::map<std::size_t, FlowSpec> flows_;
  std::map<std::pair<Kind, std::size_t>, Line> lines_;
};

}  // namespace paceline::decoder
