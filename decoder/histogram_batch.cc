// SPDX-License-Identifier: MIT
#include "decoder/histogram_batch.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>

#if defined(__x86_64__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC's bug 105593, in its own header
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

namespace paceline::decoder {

namespace {

// A batch's values can be summed up in 64 bits, squares and all, if none is beyond 67 ms; which is known afterwards,
// and then done anew if need be.
constexpr std::uint64_t kSmall = std::uint64_t{1} << 26;
static_assert(kBatch * kSmall * kSmall - 1 <= std::numeric_limits<std::uint64_t>::max() / 2);

struct SmallSums {
  std::uint64_t sum = 0, squares = 0;  // of small values
  std::uint64_t magnitudes = 0;        // all bits of any value's magnitude
  std::int64_t min = std::numeric_limits<std::int64_t>::max();
  std::int64_t max = std::numeric_limits<std::int64_t>::min();
};

constexpr int kExactBits = buckets::kSubBits - 1;  // of a magnitude, beside its highest one

[[gnu::always_inline]] inline void add_each(std::span<const std::int64_t> values, std::uint32_t* slots,
                                            SmallSums& sums) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t value = values[i];
    const auto bits = static_cast<std::uint64_t>(value);
    const auto sign = static_cast<std::uint64_t>(value >> 63);  // all ones below 0
    const std::uint64_t magnitude = (bits ^ sign) - sign;
    sums.min = std::min(sums.min, value);
    sums.max = std::max(sums.max, value);
    sums.sum += bits;
    sums.squares += std::uint64_t{static_cast<std::uint32_t>(magnitude)} * static_cast<std::uint32_t>(magnitude);
    sums.magnitudes |= magnitude;
    const int shift = 63 - std::countl_zero(magnitude | (2 * buckets::kHalf - 1)) - kExactBits;
    const auto index =
        static_cast<std::uint32_t>(shift * buckets::kHalf) + static_cast<std::uint32_t>(magnitude >> shift);
    const auto low = static_cast<std::uint32_t>(sign);
    slots[i] = ((index ^ low) - low) + static_cast<std::uint32_t>(buckets::kMaxIndex);
  }
}

SmallSums small_sums(std::span<const std::int64_t> batch, std::uint32_t* slots) {
  SmallSums sums;
  add_each(batch, slots, sums);
  return sums;
}

#if defined(__x86_64__)
// The same for processors of the last ten years, which count leading zeros and shift in fewer steps.
[[gnu::target("avx2,bmi,bmi2,lzcnt")]] SmallSums small_sums_avx2(std::span<const std::int64_t> batch,
                                                                 std::uint32_t* slots) {
  SmallSums sums;
  add_each(batch, slots, sums);
  return sums;
}

// Eight at once: what GCC 12 does not make of the loop, for want of a vector of leading zeros.
[[gnu::target("avx512f,avx512cd,avx512vl,bmi,bmi2,lzcnt")]] SmallSums small_sums_avx512(
    std::span<const std::int64_t> batch, std::uint32_t* slots) {
  constexpr std::size_t kLanes = 8;
  SmallSums sums;
  const __m512i exact = _mm512_set1_epi64(2 * buckets::kHalf - 1);
  const __m512i top = _mm512_set1_epi64(63 - kExactBits);
  const __m512i middle = _mm512_set1_epi64(buckets::kMaxIndex);
  __m512i min = _mm512_set1_epi64(sums.min), max = _mm512_set1_epi64(sums.max);
  __m512i sum = _mm512_setzero_si512(), squares = sum, magnitudes = sum;
  std::size_t i = 0;
  for (; i + kLanes <= batch.size(); i += kLanes) {
    const __m512i value = _mm512_loadu_si512(batch.data() + i);
    const __m512i magnitude = _mm512_abs_epi64(value);
    min = _mm512_min_epi64(min, value);
    max = _mm512_max_epi64(max, value);
    sum = _mm512_add_epi64(sum, value);
    squares = _mm512_add_epi64(squares, _mm512_mul_epu32(magnitude, magnitude));
    magnitudes = _mm512_or_si512(magnitudes, magnitude);
    const __m512i shift = _mm512_sub_epi64(top, _mm512_lzcnt_epi64(_mm512_or_si512(magnitude, exact)));
    const __m512i index = _mm512_add_epi64(_mm512_slli_epi64(shift, std::countr_zero(unsigned{buckets::kHalf})),
                                           _mm512_srlv_epi64(magnitude, shift));
    const __mmask8 negative = _mm512_cmplt_epi64_mask(value, _mm512_setzero_si512());
    const __m512i slot = _mm512_mask_sub_epi64(_mm512_add_epi64(middle, index), negative, middle, index);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(slots + i), _mm512_cvtepi64_epi32(slot));
  }
  std::array<std::int64_t, kLanes> least, most;
  std::array<std::uint64_t, kLanes> summed, squared, seen;
  _mm512_storeu_si512(least.data(), min);
  _mm512_storeu_si512(most.data(), max);
  _mm512_storeu_si512(summed.data(), sum);
  _mm512_storeu_si512(squared.data(), squares);
  _mm512_storeu_si512(seen.data(), magnitudes);
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    sums.min = std::min(sums.min, least[lane]);
    sums.max = std::max(sums.max, most[lane]);
    sums.sum += summed[lane];
    sums.squares += squared[lane];
    sums.magnitudes |= seen[lane];
  }
  add_each(batch.subspan(i), slots + i, sums);
  return sums;
}
#endif

SmallSums small_sums(std::span<const std::int64_t> batch, std::uint32_t* slots, detail::Vectors vectors) {
#if defined(__x86_64__)
  if (vectors == detail::Vectors::avx512) return small_sums_avx512(batch, slots);
  if (vectors == detail::Vectors::avx2) return small_sums_avx2(batch, slots);
#endif
  (void)vectors;
  return small_sums(batch, slots);
}

}  // namespace

namespace detail {

Vectors widest_vectors() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) {
    const bool wider =
        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vl");
    return wider ? Vectors::avx512 : Vectors::avx2;
  }
#endif
  return Vectors::none;
}

BatchSums sum_up(std::span<const std::int64_t> batch, std::uint32_t* slots, Vectors vectors) {
  assert(batch.size() <= kBatch);
  const SmallSums small = small_sums(batch, slots, vectors);
  BatchSums sums{small.min, small.max, static_cast<uint128>(int128{static_cast<std::int64_t>(small.sum)}),
                 small.squares};
  if (small.magnitudes < kSmall) return sums;
  sums.sum = sums.squares = 0;
  for (const std::int64_t value : batch) {
    sums.sum += static_cast<uint128>(int128{value});
    sums.squares += static_cast<uint128>(int128{value} * value);
  }
  return sums;
}

}  // namespace detail

BatchSums sum_up(std::span<const std::int64_t> batch, std::uint32_t* slots) {
  static const detail::Vectors vectors = detail::widest_vectors();
  return detail::sum_up(batch, slots, vectors);
}

}  // namespace paceline::decoder
