// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "paceline/clock.h"
#include "paceline/flow.h"
#include "paceline/result.h"
#include "traffic/payload_bytes.h"

namespace paceline::traffic {

/// A packet to be sent.
struct Slot {
  nanoseconds due{0};      ///< since the flow's start; never decreases from slot to slot
  std::uint32_t size = 0;  ///< payload, the packet header included: PacketFlowSpec::kMinSize to the plan's largest
};

/// Draws a flow's packets, one after the other. Allocates nothing, reads no clock, knows nothing of other flows: the
/// same plan gives the same slots.
class PacketSource {
 public:
  virtual ~PacketSource() = default;
  /// The next packet; false when a trace is at its end.
  virtual bool next(Slot& slot) = 0;
  /// Of the slots so far.
  virtual Drawn drawn() const = 0;
};

struct ReadyModel;
struct Trace;

/// The traces of one run by their files' names, so that flows of the same one share it in memory.
using TraceCache = std::map<std::string, std::shared_ptr<const Trace>>;

/// A flow's specification made ready: files read, seed chosen, rate and largest size known.
class PacketPlan {
 public:
  /// Throws UsageError, with file, line and column where there is one: no mean where a rate is needed and no truncation
  /// that gives it one, a model that hardly ever fits its bounds, an empty file.
  static PacketPlan of(PacketFlowSpec spec, TraceCache* traces = nullptr, PayloadCache* payloads = nullptr);

  /// As asked, with what run() is to fill in. An empirical model names its file and does not hold its values.
  const PacketFlowSpec& spec() const { return spec_; }

  /// From the start; null for a constant rate and size, or flat out.
  std::unique_ptr<PacketSource> source() const;

  /// What the packets carry; null for zeros.
  const std::shared_ptr<const PayloadBytes>& payload() const { return payload_; }

 private:
  PacketFlowSpec spec_;
  std::shared_ptr<const ReadyModel> model_;
  std::shared_ptr<const Trace> trace_;
  std::shared_ptr<const PayloadBytes> payload_;
};

}  // namespace paceline::traffic
