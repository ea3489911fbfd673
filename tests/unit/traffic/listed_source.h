// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "traffic/packet_plan.h"

namespace paceline::traffic {

/// The slots that a test wants, one after the other.
class ListedSource : public PacketSource {
 public:
  explicit ListedSource(std::vector<Slot> slots) : slots_(std::move(slots)) {}

  bool next(Slot& slot) override {
    if (given_ == slots_.size()) return false;
    slot = slots_[given_++];
    return true;
  }
  Drawn drawn() const override {
    Drawn drawn;
    drawn.sizes = given_;
    return drawn;
  }

 private:
  std::vector<Slot> slots_;
  std::size_t given_ = 0;
};

/// The first `count` packets of a pattern: a packet in `gap`, its size going through `sizes`.
inline std::vector<Slot> slots_of(std::size_t count, nanoseconds gap, const std::vector<std::uint32_t>& sizes) {
  std::vector<Slot> slots;
  for (std::size_t i = 0; i < count; ++i)
    slots.push_back({gap * static_cast<std::int64_t>(i), sizes[i % sizes.size()]});
  return slots;
}

}  // namespace paceline::traffic
