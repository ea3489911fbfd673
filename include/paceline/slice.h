// SPDX-License-Identifier: MIT
//
// Slices: named groups of flows with objectives that are met or missed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace paceline {

/// What an objective is about. Delays are those of all the slice's packets together, tx.due to rx.user where there is a
/// schedule, so that the sender's own lateness counts, too.
enum class Metric {
  delay,            ///< one-way, ns
  round_trip,       ///< ns
  ipdv,             ///< |delay less that of the packet before|, ns
  loss,             ///< lost / expected
  throughput,       ///< bit/s of payload received, all flows together
  jitter,           ///< of successive arrivals (RFC 3550's D), ns
  lateness,         ///< of packets or exchanges at the sender, actual less due start, ns
  retransmits,      ///< segments that TCP streams sent again
  connect,          ///< TCP connections, from SYN to established, ns
  exchange,         ///< from the start of a connection to its reply, ns
  failures,         ///< exchanges that failed / that ended
  tx_user_rx_user,  ///< the segments, in the order of kSegments, ns
  tx_due_rx_user,
  tx_user_rx_tc,
  rx_tc_rx_user,
};

/// Of the metric's distribution; `value` for metrics that are one number.
enum class Statistic { value, mean, stddev, min, max, percentile };

struct Objective {
  Metric metric = Metric::delay;
  Statistic statistic = Statistic::percentile;
  double percentile = 0;  ///< 0 to 100, of Statistic::percentile
  bool at_least = false;  ///< `>`; else `<`
  double limit = 0;       ///< ns, a ratio, bit/s, or a count

  bool operator==(const Objective&) const = default;
};

/// `p99 < 2ms` (of the delay), `delay mean < 1ms`, `rx.tc-rx.user p50 < 30us`, `loss < 0.1%`, `throughput > 10M`,
/// `retransmits < 100`. Throws UsageError with the column.
Objective parse_objective(std::string_view text);
std::string to_string(const Objective& objective);

struct SliceSpec {
  std::string name;
  std::vector<std::size_t> flows;  ///< of the run, from 0
  std::vector<Objective> objectives;

  bool operator==(const SliceSpec&) const = default;
};

struct ObjectiveResult {
  Objective objective;
  bool measured = false;  ///< else nothing of the kind was: see `reason`
  double value = 0;       ///< as Objective::limit
  bool met = false;
  double margin = 0;   ///< by how much, in parts of the limit: 0.1 is 10 % better than asked, -0.1 worse
  std::string reason;  ///< why it was not measured; empty if it was

  bool operator==(const ObjectiveResult&) const = default;
};

struct SliceResult {
  SliceSpec spec;
  std::vector<ObjectiveResult> objectives;  ///< in the order of the specification's

  bool met() const {
    for (const ObjectiveResult& objective : objectives) {
      if (!objective.met) return false;
    }
    return true;
  }
  bool operator==(const SliceResult&) const = default;
};

}  // namespace paceline
