// SPDX-License-Identifier: MIT
#include "decoder/histogram.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <new>

namespace paceline::decoder {

namespace {

constexpr std::uint64_t kBit = 1;
constexpr std::size_t kExpectedWraps = 8;
constexpr std::size_t kBatch = 512;

struct BatchSums {
  std::uint64_t sum = 0, squares = 0, magnitudes = 0;  // modulo 2^64; all bits of any value's magnitude
  std::int64_t min = std::numeric_limits<std::int64_t>::max();
  std::int64_t max = std::numeric_limits<std::int64_t>::min();
};

// Each value's slot, and what the values sum up to.
[[gnu::always_inline]] inline BatchSums sum_up_batch(std::span<const std::int64_t> batch, std::uint32_t* slots) {
  BatchSums sums;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const std::int64_t value = batch[i];
    const auto bits = static_cast<std::uint64_t>(value);
    const auto sign = static_cast<std::uint64_t>(value >> 63);  // all ones below 0
    const std::uint64_t magnitude = (bits ^ sign) - sign;
    sums.min = std::min(sums.min, value);
    sums.max = std::max(sums.max, value);
    sums.sum += bits;
    sums.squares += magnitude * magnitude;
    sums.magnitudes |= magnitude;
    const int shift = 63 - std::countl_zero(magnitude | (2 * buckets::kHalf - 1)) - (buckets::kSubBits - 1);
    const auto index =
        static_cast<std::uint32_t>(shift * buckets::kHalf) + static_cast<std::uint32_t>(magnitude >> shift);
    const auto low = static_cast<std::uint32_t>(sign);
    slots[i] = ((index ^ low) - low) + static_cast<std::uint32_t>(buckets::kMaxIndex);
  }
  return sums;
}

#if defined(__x86_64__)
// The same for processors of the last ten years, which count leading zeros and shift in fewer steps.
[[gnu::target("avx2,bmi,bmi2,lzcnt")]] BatchSums sum_up_batch_fast(std::span<const std::int64_t> batch,
                                                                   std::uint32_t* slots) {
  return sum_up_batch(batch, slots);
}

BatchSums sum_up(std::span<const std::int64_t> batch, std::uint32_t* slots) {
  static const bool fast = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
  return fast ? sum_up_batch_fast(batch, slots) : sum_up_batch(batch, slots);
}
#else
BatchSums sum_up(std::span<const std::int64_t> batch, std::uint32_t* slots) { return sum_up_batch(batch, slots); }
#endif

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
  count(slot_of(value), times);
}

void Histogram::count(std::size_t slot, std::uint64_t times) {
  const std::uint64_t before = counters_[slot];
  if (before == 0) touch(slot);
  counters_[slot] = static_cast<Counter>(before + times);
  if (const std::uint64_t wraps = (before + times) / kCounterValues; wraps > 0) wrap(slot, wraps);
}

// Some 500 values at a time can be summed up in 64 bits, squares and all, if none is beyond 67 ms; which is known
// afterwards, and then done anew if need be.
void Histogram::record(std::span<const std::int64_t> values) {
  constexpr std::uint64_t kSmall = std::uint64_t{1} << 26;
  while (!values.empty()) {
    const auto batch = values.first(std::min(values.size(), kBatch));
    values = values.subspan(batch.size());
    std::array<std::uint32_t, kBatch> slots;
    const BatchSums sums = sum_up(batch, slots.data());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (++counters_[slots[i]] <= 1) [[unlikely]]
        note(slots[i]);
    }
    min_ = std::min(min_, sums.min);
    max_ = std::max(max_, sums.max);
    if (sums.magnitudes < kSmall) {
      sum_ += static_cast<uint128>(int128{static_cast<std::int64_t>(sums.sum)});
      sum_squares_ += sums.squares;
      continue;
    }
    for (const std::int64_t value : batch) {
      sum_ += static_cast<uint128>(int128{value});
      sum_squares_ += static_cast<uint128>(int128{value} * value);
    }
  }
}

void Histogram::add(const Distribution& values) {
  if (values.count == 0) return;
  min_ = std::min(min_, values.min);
  max_ = std::max(max_, values.max);
  sum_ += values.sum;
  sum_squares_ += values.sum_squares;
  for (const auto& bucket : values.buckets)
    count(static_cast<std::size_t>(bucket.index + buckets::kMaxIndex), bucket.count);
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
