// SPDX-License-Identifier: MIT
#include "traffic/slots.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace paceline::traffic {

namespace {

std::uint64_t or_any(std::uint64_t limit) { return limit > 0 ? limit : std::numeric_limits<std::uint64_t>::max(); }

}  // namespace

Slots::Slots(const PacketFlowSpec& spec, std::shared_ptr<PacketSource> source)
    : source_(std::move(source)),
      constant_(spec.rate_pps),
      measured_from_(spec.omit),
      end_(spec.omit + spec.duration),
      most_packets_(or_any(spec.packets)),
      most_bytes_(or_any(spec.bytes)) {
  front_.size = spec.size;
  advance();
}

void Slots::advance() {
  const nanoseconds before = front_.due;
  if (source_ == nullptr)
    front_.due = constant_.next();
  else if (!source_->next(front_))
    over_ = true;
  if (front_.due > before) last_gap_ = front_.due - before;
  if (front_.due >= end_ || packets_ >= most_packets_ || bytes_ >= most_bytes_) over_ = true;
}

std::uint64_t Slots::pass_rest(std::uint64_t most) {
  const std::uint64_t before = packets_;
  if (source_ == nullptr) {
    over_ = true;
    packets_ = all_of_constant_rate();
  }
  for (; most > 0 && !over_; --most) pop();
  return packets_ - before;
}

std::uint64_t Slots::all_of_constant_rate() const {
  const std::uint64_t in_time = constant_.slots_before(end_) - constant_.slots_before(measured_from_);
  const std::uint64_t to_bytes = most_bytes_ / front_.size + (most_bytes_ % front_.size > 0 ? 1 : 0);
  return std::min({in_time, most_packets_, to_bytes});
}

std::optional<Drawn> Slots::drawn() const { return source_ ? std::optional(source_->drawn()) : std::nullopt; }

}  // namespace paceline::traffic
