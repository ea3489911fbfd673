// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "paceline/flow.h"
#include "traffic/connection_load.h"

namespace paceline::traffic {

/// Puts the rows of a connection flow together from what its workers made in them. Each worker hands in its share of
/// every row in order; the last one of a row tells the listener.
class ConnectionRows {
 public:
  /// `listener` outlives it.
  ConnectionRows(const ConnectionFlowSpec& spec, std::size_t workers, ConnectionLoadListener& listener);

  /// Rows of the flow's duration and warm-up; the row of that number is its remainder.
  std::uint64_t rows() const { return rows_; }
  /// Of a row, since the flow's start; the remainder has none.
  nanoseconds end_of(std::uint64_t row) const;

  // From any worker.
  void hand_in(std::uint64_t row, Exchanges&& share);
  /// The worker's last share, at `now` since the flow's start. True if it was the last worker: its row was told as the
  /// last.
  bool finish(std::uint64_t row, Exchanges&& share, nanoseconds now);

 private:
  struct Pending {
    Exchanges sum;
    std::size_t shares = 0;
  };
  void take(std::uint64_t row, Exchanges&& share);
  bool whole(std::uint64_t row, const Pending& pending) const;
  void tell(std::uint64_t row, Exchanges&& sum, bool last, nanoseconds now);

  const nanoseconds interval_;
  const nanoseconds omit_;
  const nanoseconds total_;
  const std::uint64_t rows_;
  const std::size_t workers_;
  ConnectionLoadListener& listener_;

  std::mutex mutex_;  // also makes the listener's calls one at a time
  std::map<std::uint64_t, Pending> pending_;
  std::vector<std::uint64_t> finished_;  // each one's last row
};

}  // namespace paceline::traffic
