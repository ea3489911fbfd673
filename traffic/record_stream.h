// SPDX-License-Identifier: MIT
//
// Packets on a byte stream: each is a record, its length (16 bits, network byte order) and then the packet, header
// first. proto/README.md draws it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "paceline/flow.h"
#include "proto/packet.h"

namespace paceline::traffic {

/// Bytes that a record has beside its packet.
inline constexpr std::size_t kRecordLengthSize = 2;
static_assert(PacketFlowSpec::kMaxSize <= 0xFFFF, "a record's length has 16 bits");

/// Precondition: out.size() >= kRecordLengthSize.
inline void write_record_length(std::uint32_t size, std::span<std::uint8_t> out) {
  out[0] = static_cast<std::uint8_t>(size >> 8);
  out[1] = static_cast<std::uint8_t>(size);
}

/// Precondition: bytes.size() >= kRecordLengthSize.
inline std::uint32_t read_record_length(std::span<const std::uint8_t> bytes) {
  return static_cast<std::uint32_t>(bytes[0] << 8 | bytes[1]);
}

/// Cuts a stream into its records, wherever its bytes were cut on the way. Keeps at most one record; allocates when it
/// is made and never after.
class RecordSplitter {
 public:
  enum class Outcome {
    whole,    ///< all was taken, and what is not a whole record yet is kept
    stopped,  ///< `take` would not go on
    length,   ///< a length below the packet header's or above the largest: not to be called again
  };

  /// `largest`: of a packet, PacketFlowSpec::kMinSize to kMaxSize bytes.
  explicit RecordSplitter(std::uint32_t largest) : largest_(largest), kept_(kRecordLengthSize + largest) {}

  /// Calls `take(std::span<const std::uint8_t> packet) -> bool` for each packet that is whole now; false ends it. The
  /// packet is gone when `take` returns.
  template <class Take>
  Outcome feed(std::span<const std::uint8_t> bytes, Take&& take) {
    if (have_ > 0 && !fill(bytes, kRecordLengthSize)) return Outcome::whole;
    if (have_ > 0) {
      const std::uint32_t size = read_record_length(kept_);
      if (!fits(size)) return Outcome::length;
      if (!fill(bytes, kRecordLengthSize + size)) return Outcome::whole;
      have_ = 0;
      if (!take(std::span<const std::uint8_t>(kept_).subspan(kRecordLengthSize, size))) return Outcome::stopped;
    }
    while (bytes.size() >= kRecordLengthSize) {
      const std::uint32_t size = read_record_length(bytes);
      if (!fits(size)) return Outcome::length;
      if (bytes.size() < kRecordLengthSize + size) break;
      const auto packet = bytes.subspan(kRecordLengthSize, size);
      bytes = bytes.subspan(kRecordLengthSize + size);
      if (!take(packet)) return Outcome::stopped;
    }
    fill(bytes, bytes.size());
    return Outcome::whole;
  }

  /// Whether the stream stands between two records.
  bool between_records() const { return have_ == 0; }

 private:
  bool fits(std::uint32_t size) const { return size >= packet::kHeaderSize && size <= largest_; }

  /// Moves bytes to what is kept until that has `wanted`. False while it has fewer.
  bool fill(std::span<const std::uint8_t>& bytes, std::size_t wanted) {
    const std::size_t count = std::min(bytes.size(), wanted - std::min(wanted, have_));
    std::copy_n(bytes.begin(), count, kept_.begin() + static_cast<std::ptrdiff_t>(have_));
    have_ += count;
    bytes = bytes.subspan(count);
    return have_ >= wanted;
  }

  std::uint32_t largest_;
  std::vector<std::uint8_t> kept_;  // the beginning of a record
  std::size_t have_ = 0;
};

}  // namespace paceline::traffic
