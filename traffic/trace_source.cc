// SPDX-License-Identifier: MIT
#include "traffic/trace_source.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "traffic/elapsed.h"

namespace paceline::traffic {

double scaled(std::uint32_t payload, double factor) { return std::floor(payload * factor + 0.5); }

TraceSource::TraceSource(std::shared_ptr<const Trace> trace, const TraceSpec& spec, std::uint32_t largest)
    : trace_(std::move(trace)),
      speed_(spec.speed),
      size_factor_(spec.size_factor),
      repeat_(spec.repeat),
      largest_(largest) {}

bool TraceSource::next(Slot& slot) {
  if (index_ == trace_->packets.size()) {
    if (!repeat_ || lap_start_ > Elapsed::kFar - trace_->period) return false;
    lap_start_ += trace_->period;
    index_ = 0;
  }
  const Trace::Packet& packet = trace_->packets[index_++];
  // From the start each time, so that dividing by the speed adds up no errors.
  const double at = static_cast<double>(lap_start_ + packet.at) / speed_ + 0.5;
  const auto due = static_cast<std::int64_t>(std::min(at, static_cast<double>(Elapsed::kFar)));
  if (due < due_) ++turned_;
  due_ = std::max(due_, due);
  if (packets_ == 0) first_due_ = due_;

  const double payload = scaled(packet.payload, size_factor_);
  const double size = std::clamp(payload, double{PacketFlowSpec::kMinSize}, static_cast<double>(largest_));
  if (size != payload) ++resized_;
  slot.due = nanoseconds{due_};
  slot.size = static_cast<std::uint32_t>(size);
  ++packets_;
  bytes_ += slot.size;
  return true;
}

Drawn TraceSource::drawn() const {
  Drawn drawn;
  drawn.gaps = packets_ > 0 ? packets_ - 1 : 0;
  drawn.gaps_redrawn = turned_;
  drawn.sizes = packets_;
  drawn.sizes_redrawn = resized_;
  if (drawn.gaps > 0) drawn.mean_gap = static_cast<double>(due_ - first_due_) / 1e9 / static_cast<double>(drawn.gaps);
  if (packets_ > 0) drawn.mean_size = static_cast<double>(bytes_) / static_cast<double>(packets_);
  return drawn;
}

}  // namespace paceline::traffic
