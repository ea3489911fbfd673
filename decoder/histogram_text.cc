// SPDX-License-Identifier: MIT
#include "decoder/histogram_text.h"

#include <array>
#include <cstdint>

namespace paceline::decoder {

namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::int8_t kNoLetter = -1;

constexpr std::array<std::int8_t, 256> values_of_letters() {
  std::array<std::int8_t, 256> values{};
  values.fill(kNoLetter);
  for (std::size_t i = 0; i < kLetters.size(); ++i)
    values[static_cast<unsigned char>(kLetters[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr auto kValues = values_of_letters();

std::string base64(const std::vector<std::uint8_t>& bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const auto byte = [&](std::size_t k) { return k < left ? std::uint32_t{bytes[i + k]} : 0; };
    const std::uint32_t three = byte(0) << 16 | byte(1) << 8 | byte(2);
    text += kLetters[three >> 18];
    text += kLetters[three >> 12 & 63];
    text += left > 1 ? kLetters[three >> 6 & 63] : '=';
    text += left > 2 ? kLetters[three & 63] : '=';
  }
  return text;
}

/// Reads base64 byte by byte.
class Bytes {
 public:
  explicit Bytes(std::string_view text) : text_(text) {
    bad_ = text_.size() % 4 != 0;
    for (int padding = 0; padding < 2 && !text_.empty() && text_.back() == '='; ++padding) text_.remove_suffix(1);
  }

  bool bad() const { return bad_; }
  /// False at the end, and where it is bad.
  bool next(std::uint8_t& byte) {
    while (bits_ < 8) {
      if (at_ == text_.size()) {
        bad_ |= (held_ & ((1U << bits_) - 1)) != 0;
        return false;
      }
      const std::int8_t value = kValues[static_cast<unsigned char>(text_[at_++])];
      if (value == kNoLetter) return !(bad_ = true);
      held_ = held_ << 6 | static_cast<std::uint32_t>(value);
      bits_ += 6;
    }
    bits_ -= 8;
    byte = static_cast<std::uint8_t>(held_ >> bits_);
    return true;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t held_ = 0;
  int bits_ = 0;
  bool bad_ = false;
};

void put(std::vector<std::uint8_t>& bytes, std::uint64_t value) {
  for (; value > 0x7F; value >>= 7) bytes.push_back(static_cast<std::uint8_t>(value | 0x80));
  bytes.push_back(static_cast<std::uint8_t>(value));
}

/// The next varint; nullopt at the end of the bytes. One that is cut or too long makes `torn` true.
std::optional<std::uint64_t> get(Bytes& bytes, bool& torn) {
  std::uint64_t value = 0;
  std::uint8_t byte = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (!bytes.next(byte)) {
      torn = torn || shift > 0;
      return std::nullopt;
    }
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
  }
  torn = true;
  return std::nullopt;
}

}  // namespace

std::string histogram_text(const Distribution& values) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(values.buckets.size() * 4);
  std::int64_t previous = 0;
  for (const Distribution::Bucket& bucket : values.buckets) {
    const std::int64_t step = bucket.index - previous;
    previous = bucket.index;
    put(bytes, static_cast<std::uint64_t>(step) << 1 ^ (step < 0 ? ~std::uint64_t{0} : 0));
    put(bytes, bucket.count);
  }
  return base64(bytes);
}

std::optional<std::vector<Distribution::Bucket>> parse_histogram(std::string_view text) {
  std::vector<Distribution::Bucket> buckets;
  Bytes bytes(text);
  bool torn = bytes.bad();
  std::int64_t index = 0;
  while (!torn) {
    const auto step = get(bytes, torn);
    if (!step) break;
    const auto count = get(bytes, torn);
    if (!count || *count == 0) return std::nullopt;
    const std::int64_t signed_step = static_cast<std::int64_t>(*step >> 1) ^ -static_cast<std::int64_t>(*step & 1);
    if (signed_step > 2 * buckets::kMaxIndex || signed_step < -buckets::kMaxIndex) return std::nullopt;
    index += signed_step;
    const bool ascends = buckets.empty() || signed_step > 0;
    if (!ascends || index > buckets::kMaxIndex || index < -buckets::kMaxIndex) return std::nullopt;
    buckets.push_back({static_cast<std::int32_t>(index), *count});
  }
  if (torn || bytes.bad()) return std::nullopt;
  return buckets;
}

}  // namespace paceline::decoder
