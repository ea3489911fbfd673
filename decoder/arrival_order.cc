// SPDX-License-Identifier: MIT
#include "decoder/arrival_order.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>

namespace paceline::decoder {

namespace {

constexpr double kWindowSeconds = 4;
constexpr double kDrawnWindowSeconds = 64;  // of the expected rate: bursts are many times faster
constexpr std::uint64_t kMinWindow = 1024;
constexpr std::uint64_t kMaxWindow = std::uint64_t{1} << 20;
constexpr double kSlack = 64;  // packets: for rounding, and a duration that ends a little late

// Its rate is an expectation: what it really sends may be far from it, for a while or for good.
bool drawn(const PacketFlowSpec& spec) { return spec.model || spec.trace; }

std::uint64_t window_of(const PacketFlowSpec& spec) {
  if (spec.rate_pps == 0) return kMaxWindow;  // as fast as can be
  const double packets =
      std::min(spec.rate_pps * (drawn(spec) ? kDrawnWindowSeconds : kWindowSeconds), static_cast<double>(kMaxWindow));
  return std::max(kMinWindow, std::bit_ceil(static_cast<std::uint64_t>(std::ceil(packets))));
}

}  // namespace

double most_packets(const PacketFlowSpec& spec) {
  const double rate = spec.rate_pps > 0 && !drawn(spec) ? spec.rate_pps : PacketFlowSpec::kMaxRate;
  return rate * std::chrono::duration<double>(spec.omit + spec.duration).count();
}

ArrivalOrder::ArrivalOrder(const PacketFlowSpec& spec)
    : impossible_(static_cast<std::uint64_t>(std::ceil(most_packets(spec)) + kSlack)), mask_(window_of(spec) - 1) {
  seen_.resize(window() / 64);
}

ArrivalOrder::Kind ArrivalOrder::arrive_late(std::uint64_t sequence) {
  if (state_.next_expected - sequence > window()) return Kind::beyond_window;
  const std::uint64_t bit = std::uint64_t{1} << (sequence % 64);
  if (seen_[(sequence & mask_) / 64] & bit) return Kind::duplicate;
  set(sequence);
  return Kind::reordered;
}

std::size_t ArrivalOrder::arrive_run(std::uint64_t sequence, std::size_t number) {
  if (number == 0 || sequence < state_.next_expected || sequence >= impossible_) return 0;
  const auto in_order = static_cast<std::size_t>(std::min<std::uint64_t>(number, impossible_ - sequence));
  if (sequence != state_.next_expected) skip_to(sequence);
  set(sequence, in_order);
  state_.next_expected = sequence + in_order;
  return in_order;
}

void ArrivalOrder::set(std::uint64_t sequence, std::size_t number) {
  while (number > 0) {
    const std::size_t bit = sequence % 64;
    const std::size_t bits = std::min(number, 64 - bit);  // in this word
    seen_[(sequence & mask_) / 64] |= (~std::uint64_t{0} >> (64 - bits)) << bit;
    sequence += bits;
    number -= bits;
  }
}

// The numbers in between have not been seen; their bits hold what is a window older.
void ArrivalOrder::skip_to(std::uint64_t sequence) {
  if (sequence - state_.next_expected >= window()) {
    std::ranges::fill(seen_, 0);
    return;
  }
  for (std::uint64_t at = state_.next_expected; at < sequence;) {
    if (at % 64 == 0 && sequence - at >= 64) {
      seen_[(at & mask_) / 64] = 0;
      at += 64;
    } else {
      seen_[(at & mask_) / 64] &= ~(std::uint64_t{1} << (at % 64));
      ++at;
    }
  }
}

}  // namespace paceline::decoder
