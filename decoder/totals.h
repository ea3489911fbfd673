// SPDX-License-Identifier: MIT
//
// Adding up the rows of TCP and connection flows. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "paceline/result.h"

namespace paceline::decoder {

void add(WireCounts& total, const WireCounts& more);

/// Adds what the other end knows of the same interval. The row's span is that of the end that received; it is the last
/// one if it is to both. Precondition: same index.
void join(TcpInterval& row, const TcpInterval& other);

/// Joins the two ends' rows of a flow as they come, in whatever order the ends deliver: a row is whole when both have
/// told of it, or the other end's last one was an earlier one. Holds at most kMost rows; beyond, the oldest are given
/// out one-sided, as is at once what comes for a row that was given out. Fills in StreamInterval::retransmits.
class RowJoiner {
 public:
  static constexpr std::size_t kMost = 64;

  /// The rows that are whole by now, in order.
  std::vector<TcpInterval> ours(TcpInterval&& row);
  std::vector<TcpInterval> theirs(TcpInterval&& row);
  /// What is left, when no more will come.
  std::vector<TcpInterval> rest();

 private:
  enum End { kOurs, kTheirs };
  struct Waiting {
    TcpInterval row;
    bool told[2] = {false, false};
  };
  std::vector<TcpInterval> take(TcpInterval&& row, End end);
  bool whole(const Waiting& waiting) const;
  TcpInterval give_out();
  void count_retransmits(TcpInterval& row);

  std::map<std::uint64_t, Waiting> waiting_;
  std::optional<std::uint64_t> last_[2];    // index of each end's last row
  std::uint64_t next_ = 0;                  // rows before it were given out
  std::vector<std::uint64_t> retransmits_;  // of each stream so far
};

/// Adds a row to the flow's totals, and to its goodput distributions when it is a whole interval of the measured part;
/// one of the warm-up counts as omitted_bytes only.
void accumulate(TcpFlowResult& total, const TcpInterval& row);
void accumulate(ConnectionFlowResult& total, const ConnectionInterval& row);

/// Jain's fairness index (RFC 5166, section 2.3) of what the streams received: 1 / n to 1; 1 for a single stream, 0
/// when none received anything.
double fairness(const TcpFlowResult& flow);

}  // namespace paceline::decoder
