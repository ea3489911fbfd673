// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "paceline/clock.h"
#include "paceline/flow.h"
#include "traffic/packet_plan.h"
#include "traffic/schedule.h"

namespace paceline::traffic {

/// A flow's slots, one after the other, to its end: that of its duration, of its packets or its bytes (those of the
/// measured part), whichever is first; or of its trace. They are the same whether or not each can be sent.
class Slots {
 public:
  /// `source`: from its start; null for a constant rate and size. Precondition: then there is a rate.
  Slots(const PacketFlowSpec& spec, std::shared_ptr<PacketSource> source);

  bool over() const { return over_; }
  /// The next slot; once over(), at its due time there is none.
  const Slot& front() const { return front_; }
  bool in_warm_up() const { return front_.due < measured_from_; }
  /// The last time that one slot was due later than the one before it, by so much; before that, longer than any flow.
  nanoseconds last_gap() const { return last_gap_; }

  /// Precondition: !over().
  void pop() {
    if (!in_warm_up()) {
      ++packets_;
      bytes_ += front_.size;
    }
    advance();
  }

  /// Pops what is left, of a source at most so many. Returns how many of these were not in the warm-up.
  std::uint64_t pass_rest(std::uint64_t most);

  /// What the source drew; nothing for a constant rate.
  std::optional<Drawn> drawn() const;

 private:
  void advance();
  std::uint64_t all_of_constant_rate() const;

  std::shared_ptr<PacketSource> source_;
  ConstantRate constant_;
  nanoseconds measured_from_, end_;
  std::uint64_t most_packets_, most_bytes_;  // of the measured part, as are:
  std::uint64_t packets_ = 0, bytes_ = 0;
  Slot front_;
  nanoseconds last_gap_{PacketFlowSpec::kMaxDuration * 4};
  bool over_ = false;
};

}  // namespace paceline::traffic
