// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace paceline {

/// An input as a script: what it says next. Zeros when it is over.
class Script {
 public:
  explicit Script(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  bool over() const { return rest_.empty(); }

  template <class Number>
  Number next() {
    Number value{};
    const std::size_t size = std::min(sizeof value, rest_.size());
    std::memcpy(&value, rest_.data(), size);
    rest_ = rest_.subspan(size);
    return value;
  }

  /// A length in one byte, and so many bytes.
  std::string text() {
    const std::size_t length = next<std::uint8_t>();  // before rest_ is looked at: it shortens that
    const std::size_t size = std::min(length, rest_.size());
    std::string bytes(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
    return bytes;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace paceline
