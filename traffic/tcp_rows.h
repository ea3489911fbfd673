// SPDX-License-Identifier: MIT
//
// The rows of one end's live stream: each worker hands in what it knows of its own streams.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

#include "paceline/clock.h"
#include "paceline/flow.h"
#include "paceline/result.h"

namespace paceline::traffic {

/// Where a TCP flow's rows begin and end, in time since its start.
class RowGrid {
 public:
  explicit RowGrid(const TcpFlowSpec& spec)
      : interval_(spec.interval), omit_(spec.omit), total_(spec.omit + spec.duration) {}

  /// Whole rows, the last one cut short by the flow's end.
  std::uint64_t count() const { return static_cast<std::uint64_t>((total_ + interval_ - nanoseconds{1}) / interval_); }
  nanoseconds start(std::uint64_t row) const {
    return row < count() ? static_cast<std::int64_t>(row) * interval_ : total_;
  }
  nanoseconds end(std::uint64_t row) const { return start(row + 1); }
  nanoseconds omit() const { return omit_; }
  nanoseconds total() const { return total_; }

 private:
  nanoseconds interval_;
  nanoseconds omit_;
  nanoseconds total_;
};

/// Puts the workers' parts of each row together. Whoever completes a row gives it out, one row at a time, in order.
class TcpRows {
 public:
  using Fill = std::function<void(TcpInterval& row)>;

  TcpRows(const RowGrid& grid, std::size_t streams, std::size_t workers, std::function<void(TcpInterval&&)> out)
      : grid_(grid), streams_(streams), workers_(workers), out_(std::move(out)) {}

  // From any worker's thread. `fill` adds what the worker knows to the row, of its own streams.
  /// A row that is over. Each worker hands in all of its rows in order.
  void hand_in(std::uint64_t index, const Fill& fill);
  /// A worker's last: of the row that was under way when the transfer ended, or of what came after the flow's duration.
  /// The transfer's last row is the one with the highest index; it ends at `end`.
  void hand_in_last(std::uint64_t index, nanoseconds end, const Fill& fill);

 private:
  struct Row {
    TcpInterval interval;
    std::size_t parts = 0;
  };

  Row& row(std::uint64_t index);
  void give_out_whole();

  const RowGrid grid_;
  const std::size_t streams_;
  const std::size_t workers_;
  const std::function<void(TcpInterval&&)> out_;
  std::mutex mutex_;
  std::map<std::uint64_t, Row> rows_;  // not given out yet
  std::size_t finished_ = 0;           // workers that have handed in their last
};

}  // namespace paceline::traffic
