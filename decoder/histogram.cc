// SPDX-License-Identifier: MIT
#include "decoder/histogram.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <new>

#include "decoder/histogram_batch.h"

namespace paceline::decoder {

namespace {

constexpr std::size_t kExpectedWraps = 8;

}  // namespace

Histogram::Histogram() {
  void* pages =
      mmap(nullptr, kCountersSize + kRows, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  // Mappings of many histograms become neighbours; as huge pages they would be resident as a whole.
  (void)madvise(pages, kCountersSize + kRows, MADV_NOHUGEPAGE);
  counters_ = static_cast<Counter*>(pages);
  rows_ = static_cast<std::uint8_t*>(pages) + kCountersSize;
  wraps_.reserve(kExpectedWraps);
}

Histogram::~Histogram() { munmap(counters_, kCountersSize + kRows); }

void Histogram::count_listed() {
  if (listed_ == kListed) return;
  for (std::size_t i = 0; i < listed_; ++i) count(list_[i], 1);
  listed_ = kListed;
}

void Histogram::record_many(std::int64_t value, std::uint64_t times) {
  if (times == 0) return;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<uint128>(int128{value}) * times;
  sum_squares_ += static_cast<uint128>(int128{value} * value) * times;
  count_listed();
  count(slot_of(value), times);
}

void Histogram::count(std::size_t slot, std::uint64_t times) {
  const std::uint64_t before = counters_[slot];
  rows_[slot / kRow] = 1;
  counters_[slot] = static_cast<Counter>(before + times);
  if (const std::uint64_t wraps = (before + times) / kCounterValues; wraps > 0) wrap(slot, wraps);
}

void Histogram::record(std::span<const std::int64_t> values) {
  std::array<std::uint32_t, kBatch> slots;
  Counter* const counters = counters_;
  std::uint8_t* const rows = rows_;
  count_listed();
  while (!values.empty()) {
    const auto batch = values.first(std::min(values.size(), kBatch));
    values = values.subspan(batch.size());
    const BatchSums sums = sum_up(batch, slots.data());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const std::size_t slot = slots[i];
      rows[slot / kRow] = 1;
      if (++counters[slot] == 0) [[unlikely]]
        wrap(slot, 1);
    }
    min_ = std::min(min_, sums.min);
    max_ = std::max(max_, sums.max);
    sum_ += sums.sum;
    sum_squares_ += sums.squares;
  }
}

void Histogram::add(const Distribution& values) {
  if (values.count == 0) return;
  min_ = std::min(min_, values.min);
  max_ = std::max(max_, values.max);
  sum_ += values.sum;
  sum_squares_ += values.sum_squares;
  count_listed();
  for (const auto& bucket : values.buckets)
    count(static_cast<std::size_t>(bucket.index + buckets::kMaxIndex), bucket.count);
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

// The rows of counters in use, into `used_`; and how many counters that are.
std::size_t Histogram::find_used() {
  used_.clear();
  std::size_t number = 0;
  const std::size_t last = slot_of(max_) / kRow;
  for (std::size_t row = slot_of(min_) / kRow; row <= last; ++row) {
    if (rows_[row] == 0) continue;
    rows_[row] = 0;
    std::uint32_t used = 0;
    for (std::size_t i = 0; i < kRow; ++i) used |= std::uint32_t{counters_[row * kRow + i] != 0} << i;
    number += static_cast<std::size_t>(std::popcount(used));
    used_.push_back({static_cast<std::uint32_t>(row), used});
  }
  return number;
}

Distribution Histogram::take() {
  Distribution taken;
  if (min_ > max_) return taken;
  taken.sum = sum_;
  taken.sum_squares = sum_squares_;
  taken.min = min_;
  taken.max = max_;
  taken.buckets = listed_ < kListed ? take_listed() : take_counted();
  for (const auto& bucket : taken.buckets) taken.count += bucket.count;
  clear();
  return taken;
}

std::vector<Distribution::Bucket> Histogram::take_listed() {
  const auto end = list_.begin() + static_cast<std::ptrdiff_t>(listed_);
  std::sort(list_.begin(), end);
  std::vector<Distribution::Bucket> taken;
  taken.reserve(listed_);
  for (auto slot = list_.begin(); slot != end;) {
    const auto next = std::upper_bound(slot, end, *slot);
    taken.push_back({static_cast<std::int32_t>(*slot) - buckets::kMaxIndex, static_cast<std::uint64_t>(next - slot)});
    slot = next;
  }
  return taken;
}

std::vector<Distribution::Bucket> Histogram::take_counted() {
  std::vector<Distribution::Bucket> taken;
  taken.reserve(find_used() + wraps_.size());
  for (const auto& [row, used] : used_) {
    for (std::uint32_t bits = used; bits != 0; bits &= bits - 1) {
      const std::size_t slot = row * kRow + static_cast<std::size_t>(std::countr_zero(bits));
      taken.push_back({static_cast<std::int32_t>(slot) - buckets::kMaxIndex, counters_[slot]});
    }
    std::fill_n(counters_ + row * kRow, kRow, Counter{0});
  }
  for (const auto& wrap : wraps_) {
    const std::int32_t index = wrap.index - buckets::kMaxIndex;
    auto bucket = std::ranges::lower_bound(taken, index, {}, &Distribution::Bucket::index);
    if (bucket == taken.end() || bucket->index != index)  // its counter is 0 again
      bucket = taken.insert(bucket, {index, 0});
    bucket->count += wrap.count * kCounterValues;
  }
  return taken;
}

void Histogram::clear() {
  listed_ = 0;
  wraps_.clear();
  sum_ = sum_squares_ = 0;
  min_ = std::numeric_limits<std::int64_t>::max();
  max_ = std::numeric_limits<std::int64_t>::min();
}

}  // namespace paceline::decoder
