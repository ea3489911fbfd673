// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "traffic/elapsed.h"
#include "traffic/packet_plan.h"
#include "traffic/random_bits.h"
#include "traffic/sampler.h"

namespace paceline::traffic {

/// A TrafficModel ready to be drawn from: files read, bounds known. Several sources may share it.
struct ReadyModel {
  struct Periods {
    Sampler on, off;
  };

  /// Precondition: the model's files were read; `largest` is at least its segment and overhead together.
  ReadyModel(const TrafficModel& model, std::uint32_t largest);

  Sampler idt, size;
  std::optional<Sampler> jitter;
  std::optional<Periods> bursts;
  std::uint32_t segment;  // the most payload of a packet
  std::uint32_t overhead;
};

/// What a message's size must be so that its packets are kMinSize to `largest` bytes.
double least_message(const TrafficModel& model);
double most_message(const TrafficModel& model, std::uint32_t largest);

/// Draws a flow's packets from a model. Gaps, sizes, jitter and periods have a stream of random numbers each.
class ModelSource : public PacketSource {
 public:
  ModelSource(std::shared_ptr<const ReadyModel> model, std::uint64_t seed);

  bool next(Slot& slot) override;
  Drawn drawn() const override;

 private:
  void begin_message();
  void pass_periods();
  void begin_period();

  std::shared_ptr<const ReadyModel> model_;
  RandomBits gap_bits_, size_bits_, jitter_bits_, on_bits_, off_bits_;

  Elapsed on_time_;       // the message's nominal time, off periods left out
  Elapsed on_until_;      // the end of the on period, likewise
  Elapsed off_time_;      // off periods so far
  std::int64_t due_ = 0;  // of the message; never decreases
  std::uint64_t rest_ = 0;
  bool message_over_ = true;

  std::uint64_t messages_ = 0, packets_ = 0, bytes_ = 0;
  std::uint64_t gaps_redrawn_ = 0, sizes_redrawn_ = 0;
};

}  // namespace paceline::traffic
