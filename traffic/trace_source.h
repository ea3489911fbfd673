// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "paceline/flow.h"
#include "traffic/packet_plan.h"
#include "traffic/trace.h"

namespace paceline::traffic {

/// A trace's payload, scaled: not yet cut or filled up.
double scaled(std::uint32_t payload, double factor);

/// A trace's packets, scaled, once or again and again.
class TraceSource : public PacketSource {
 public:
  /// Precondition: with TraceSpec::repeat the trace has a period; kMinSize <= largest <= kMaxSize.
  TraceSource(std::shared_ptr<const Trace> trace, const TraceSpec& spec, std::uint32_t largest);

  bool next(Slot& slot) override;
  Drawn drawn() const override;

 private:
  std::shared_ptr<const Trace> trace_;
  double speed_, size_factor_;
  bool repeat_;
  std::uint32_t largest_;

  std::size_t index_ = 0;
  std::int64_t lap_start_ = 0;  // unscaled
  std::int64_t due_ = 0, first_due_ = 0;
  std::uint64_t packets_ = 0, bytes_ = 0, turned_ = 0, resized_ = 0;
};

}  // namespace paceline::traffic
