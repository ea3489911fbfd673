// SPDX-License-Identifier: MIT
#pragma once

#include <sys/random.h>

#include <stdexcept>
#include <type_traits>

namespace paceline::traffic {

/// A value of random bytes that nobody can guess, from the kernel.
template <class T>
T random_value() {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  if (getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value))
    throw std::runtime_error("the kernel gave no random bytes");
  return value;
}

}  // namespace paceline::traffic
