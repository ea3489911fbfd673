// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "paceline/endpoint.h"
#include "paceline/flow.h"
#include "paceline/result.h"

namespace paceline {

enum class Family { any, ipv4, ipv6 };

/// Where one-way delays get their common clock from.
enum class ClockPolicy {
  estimate,      ///< the exchange on the data path
  synchronized,  ///< both ends' CLOCK_REALTIME, which the user vouches for
};

struct RunSpec {
  Endpoint receiver{"", 9000};             ///< signalling address; names are resolved
  std::optional<std::uint16_t> data_port;  ///< the only candidate when set (a NodePort's number, say)
  Family family = Family::any;
  ClockPolicy clock = ClockPolicy::estimate;
  std::vector<FlowSpec> flows{FlowSpec{}};  ///< started together; 1 to 64
};

/// Told of a run's progress, on the thread that called run(), one call at a time. Must not throw.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void connected(const std::string& address) { (void)address; }
  virtual void path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) {
    (void)flow, (void)path, (void)stamping;
  }
  virtual void interval(std::size_t flow, const Interval& interval) { (void)flow, (void)interval; }
  virtual void finished(std::size_t flow, const FlowResult& result) { (void)flow, (void)result; }
  virtual void warning(const std::string& text) { (void)text; }
};

/// Runs the flows against a receiver and returns when their results are in. Blocks; a stop request ends the flows
/// early and returns what was measured, marked partial with the reason. Throws UsageError for a spec that makes no
/// sense and SetupError when nothing could be measured. Several runs in one process are independent. Uses one thread a
/// flow beside the caller's.
RunResult run(const RunSpec& spec, RunObserver& observer, std::stop_token stop = {});

}  // namespace paceline
