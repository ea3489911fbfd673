// SPDX-License-Identifier: MIT
#include "decoder/arrival_order.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>

namespace paceline::decoder {

namespace {

constexpr double kWindowSeconds = 4;
constexpr std::uint64_t kMinWindow = 1024;
constexpr std::uint64_t kMaxWindow = std::uint64_t{1} << 20;
constexpr double kSlack = 64;  // packets: for rounding, and a duration that ends a little late

std::uint64_t window_of(const FlowSpec& spec) {
  const double packets = std::min(spec.rate_pps * kWindowSeconds, static_cast<double>(kMaxWindow));
  return std::max(kMinWindow, std::bit_ceil(static_cast<std::uint64_t>(std::ceil(packets))));
}

std::uint64_t most_packets(const FlowSpec& spec) {
  const double seconds = std::chrono::duration<double>(spec.duration).count();
  return static_cast<std::uint64_t>(std::ceil(spec.rate_pps * seconds) + kSlack);
}

}  // namespace

ArrivalOrder::ArrivalOrder(const FlowSpec& spec) : impossible_(most_packets(spec)), mask_(window_of(spec) - 1) {
  seen_.resize(window() / 64);
}

ArrivalOrder::Kind ArrivalOrder::arrive_late(std::uint64_t sequence) {
  if (state_.next_expected - sequence > window()) return Kind::beyond_window;
  const std::uint64_t bit = std::uint64_t{1} << (sequence % 64);
  if (seen_[(sequence & mask_) / 64] & bit) return Kind::duplicate;
  set(sequence);
  return Kind::reordered;
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
