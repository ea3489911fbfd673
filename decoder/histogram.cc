// SPDX-License-Identifier: MIT
#include "decoder/histogram.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

namespace paceline::decoder {

namespace {

constexpr std::uint64_t kBit = 1;
constexpr std::size_t kExpectedWraps = 8;

}  // namespace

Histogram::Histogram() {
  constexpr std::size_t kSize = kTouchedWords * sizeof(std::uint64_t) + kSlots * sizeof(Counter);
  void* pages = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  // Mappings of many histograms become neighbours; as huge pages they would be resident as a whole.
  (void)madvise(pages, kSize, MADV_NOHUGEPAGE);
  touched_ = static_cast<std::uint64_t*>(pages);
  counters_ = reinterpret_cast<Counter*>(touched_ + kTouchedWords);
  wraps_.reserve(kExpectedWraps);
}

Histogram::~Histogram() { munmap(touched_, kTouchedWords * sizeof(std::uint64_t) + kSlots * sizeof(Counter)); }

void Histogram::record_many(std::int64_t value, std::uint64_t times) {
  if (times == 0) return;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<uint128>(int128{value}) * times;
  sum_squares_ += static_cast<uint128>(int128{value} * value) * times;
  const std::size_t slot = slot_of(value);
  const std::uint64_t before = counters_[slot];
  if (before == 0) touch(slot);
  counters_[slot] = static_cast<Counter>(before + times);
  if (const std::uint64_t wraps = (before + times) / kCounterValues; wraps > 0) wrap(slot, wraps);
}

void Histogram::note(std::size_t slot) {
  if (counters_[slot] == 1) {  // the first value, or the first one after a wrap
    touch(slot);
  } else {
    wrap(slot, 1);
  }
}

void Histogram::touch(std::size_t slot) {
  std::uint64_t& word = touched_[slot / 64];
  const std::uint64_t bit = kBit << (slot % 64);
  if ((word & bit) == 0) ++touched_count_;
  word |= bit;
}

void Histogram::wrap(std::size_t slot, std::uint64_t times) {
  const auto index = static_cast<std::int32_t>(slot);
  for (auto& wrap : wraps_) {
    if (wrap.index == index) {
      wrap.count += times;
      return;
    }
  }
  wraps_.push_back({index, times});
}

Distribution Histogram::take() {
  Distribution taken;
  if (min_ > max_) return taken;
  taken.sum = sum_;
  taken.sum_squares = sum_squares_;
  taken.min = min_;
  taken.max = max_;
  taken.buckets.reserve(touched_count_);
  for (std::size_t word = slot_of(min_) / 64; word <= slot_of(max_) / 64; ++word) {
    if (touched_[word] == 0) continue;
    for (std::uint64_t bits = touched_[word]; bits != 0; bits &= bits - 1) {
      const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      taken.buckets.push_back({static_cast<std::int32_t>(slot) - buckets::kMaxIndex, counters_[slot]});
      counters_[slot] = 0;
    }
    touched_[word] = 0;
  }
  for (const auto& wrap : wraps_) {
    const auto bucket =
        std::ranges::lower_bound(taken.buckets, wrap.index - buckets::kMaxIndex, {}, &Distribution::Bucket::index);
    bucket->count += wrap.count * kCounterValues;
  }
  for (const auto& bucket : taken.buckets) taken.count += bucket.count;
  clear();
  return taken;
}

void Histogram::clear() {
  touched_count_ = 0;
  wraps_.clear();
  sum_ = sum_squares_ = 0;
  min_ = std::numeric_limits<std::int64_t>::max();
  max_ = std::numeric_limits<std::int64_t>::min();
}

}  // namespace paceline::decoder
