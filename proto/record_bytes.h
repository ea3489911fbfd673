// SPDX-License-Identifier: MIT
//
// Little-endian integers in bytes, and sums of times from outside, which wrap instead of being undefined.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace paceline::record {

static_assert(std::endian::native == std::endian::little, "record files are read and written as they lie in memory");

template <class Integer>
void store(std::span<std::uint8_t> out, std::size_t at, Integer value) {
  std::memcpy(out.data() + at, &value, sizeof value);
}

template <class Integer>
Integer load(std::span<const std::uint8_t> in, std::size_t at) {
  Integer value;
  std::memcpy(&value, in.data() + at, sizeof value);
  return value;
}

constexpr std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
constexpr std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
constexpr std::int64_t times(std::int64_t a, std::uint64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * b);
}

}  // namespace paceline::record
