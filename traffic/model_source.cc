// SPDX-License-Identifier: MIT
#include "traffic/model_source.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace paceline::traffic {

namespace {

constexpr double kLargestMessage = 0x1p60;  // nobody sends so much: a message without bound is as large
constexpr int kMostPeriods = 10'000;        // on and off between two messages

std::int64_t nanoseconds_of(double seconds) {
  constexpr auto kFar = static_cast<double>(Elapsed::kFar);
  return static_cast<std::int64_t>(std::floor(std::clamp(seconds * 1e9, -kFar, kFar) + 0.5));
}

Sampler positive_time(const Model& model) { return {model, Quantity::time, 0}; }

}  // namespace

double least_message(const TrafficModel& model) {
  return model.overhead < PacketFlowSpec::kMinSize ? PacketFlowSpec::kMinSize - model.overhead : 0;
}

double most_message(const TrafficModel& model, std::uint32_t largest) {
  if (model.segment > 0) return std::numeric_limits<double>::infinity();
  return static_cast<double>(largest) - model.overhead;
}

ReadyModel::ReadyModel(const TrafficModel& model, std::uint32_t largest)
    : idt(positive_time(model.idt)),
      size(model.size, Quantity::bytes, least_message(model), most_message(model, largest)),
      segment(model.segment > 0 ? model.segment : std::numeric_limits<std::uint32_t>::max()),
      overhead(model.overhead) {
  if (model.jitter) jitter.emplace(*model.jitter, Quantity::time);
  if (model.bursts) bursts = Periods{positive_time(model.bursts->on), positive_time(model.bursts->off)};
}

ModelSource::ModelSource(std::shared_ptr<const ReadyModel> model, std::uint64_t seed)
    : model_(std::move(model)),
      gap_bits_(seed, Purpose::gaps),
      size_bits_(seed, Purpose::sizes),
      jitter_bits_(seed, Purpose::jitter),
      on_bits_(seed, Purpose::on),
      off_bits_(seed, Purpose::off) {
  if (model_->bursts) on_until_.add(model_->bursts->on.draw(on_bits_, gaps_redrawn_));
}

bool ModelSource::next(Slot& slot) {
  if (message_over_) begin_message();
  const auto payload = static_cast<std::uint32_t>(std::min<std::uint64_t>(rest_, model_->segment));
  rest_ -= payload;
  message_over_ = rest_ == 0;
  const std::uint32_t size = payload + model_->overhead;
  if (size < PacketFlowSpec::kMinSize) ++sizes_redrawn_;  // a message's last packet, filled up
  slot.due = nanoseconds{due_};
  slot.size = std::max(size, PacketFlowSpec::kMinSize);
  ++packets_;
  bytes_ += slot.size;
  return true;
}

void ModelSource::begin_message() {
  if (messages_ > 0) on_time_.add(model_->idt.draw(gap_bits_, gaps_redrawn_));
  ++messages_;
  if (model_->bursts) pass_periods();
  std::int64_t due = on_time_.ns() + off_time_.ns();
  if (model_->jitter) due += nanoseconds_of(model_->jitter->draw(jitter_bits_, gaps_redrawn_));
  if (due < due_) ++gaps_redrawn_;  // the order would turn around
  due_ = std::max(due_, due);
  rest_ = static_cast<std::uint64_t>(std::min(model_->size.draw(size_bits_, sizes_redrawn_), kLargestMessage));
}

// To the on period that the message is due in.
void ModelSource::pass_periods() {
  for (int passed = 0; on_time_.ns() >= on_until_.ns(); ++passed) {
    if (passed == kMostPeriods) {
      ++gaps_redrawn_;
      return;
    }
    begin_period();
  }
}

void ModelSource::begin_period() {
  off_time_.add(model_->bursts->off.draw(off_bits_, gaps_redrawn_));
  on_until_.add(model_->bursts->on.draw(on_bits_, gaps_redrawn_));
}

Drawn ModelSource::drawn() const {
  Drawn drawn;
  drawn.gaps = messages_ > 0 ? messages_ - 1 : 0;
  drawn.gaps_redrawn = gaps_redrawn_;
  drawn.sizes = messages_;
  drawn.sizes_redrawn = sizes_redrawn_;
  const auto elapsed = static_cast<double>(on_time_.ns() + off_time_.ns());
  if (drawn.gaps > 0) drawn.mean_gap = elapsed / 1e9 / static_cast<double>(drawn.gaps);
  if (packets_ > 0) drawn.mean_size = static_cast<double>(bytes_) / static_cast<double>(packets_);
  return drawn;
}

}  // namespace paceline::traffic
