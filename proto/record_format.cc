// SPDX-License-Identifier: MIT
#include "proto/record_format.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cassert>

#include "proto/record_bytes.h"

namespace paceline::record {

namespace {

constexpr std::uint16_t kOrderAny = 1;
constexpr std::size_t kKindAt = 8, kFlagsAt = 10, kPayloadSizeAt = 12, kPacketsAt = 16;  // in each version

// Offsets in a block's header.
struct Layout {
  std::size_t ordinal, next_expected, previous_sequence, previous_transit, jitter, payload_checksum, header_checksum;
};
constexpr Layout kLayout{24, 32, 40, 48, 56, 64, 72};
constexpr std::size_t kEventsAt = 20, kFileAt = 28;
constexpr Layout kOldLayout{20, 64, 72, 80, 88, 104, 112};
constexpr std::size_t kOldCompressionAt = 9;
static_assert(kLayout.header_checksum + kChecksumSize == kBlockHeaderSize);
static_assert(kOldLayout.header_checksum + kChecksumSize == kOldBlockHeaderSize);

constexpr const Layout& layout(std::uint16_t version) { return version == 1 ? kOldLayout : kLayout; }

std::uint64_t checksum(Bytes bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace

std::vector<std::uint8_t> encode_head(std::string_view head) {
  assert(head.size() <= kMaxHead);
  std::vector<std::uint8_t> bytes(kPreambleSize + head.size() + kChecksumSize);
  std::ranges::copy(kMagic, bytes.begin());
  store(bytes, 8, kVersion);
  store(bytes, 12, static_cast<std::uint32_t>(head.size()));
  std::ranges::copy(head, bytes.begin() + kPreambleSize);
  store(bytes, kPreambleSize + head.size(), checksum(Bytes(bytes).first(kPreambleSize + head.size())));
  return bytes;
}

Preamble decode_preamble(Bytes bytes) {
  if (!std::ranges::equal(bytes.first(kMagic.size()), kMagic)) return {0, 0, "it is no Paceline record file"};
  const auto version = load<std::uint16_t>(bytes, 8);
  if (version < kOldest || version > kVersion) {
    return {version, 0,
            "it has version " + std::to_string(version) + " of the format, and this program reads versions " +
                std::to_string(kOldest) + " to " + std::to_string(kVersion)};
  }
  const std::size_t size = load<std::uint32_t>(bytes, 12);
  if (size > kMaxHead) return {version, 0, "its head is damaged"};
  return {version, size, ""};
}

bool head_intact(Bytes bytes) {
  if (bytes.size() < kPreambleSize + kChecksumSize) return false;
  const std::size_t covered = bytes.size() - kChecksumSize;
  return load<std::uint64_t>(bytes, covered) == checksum(bytes.first(covered));
}

std::uint32_t file_mark(Bytes bytes) { return load<std::uint32_t>(bytes, bytes.size() - kChecksumSize); }

std::array<std::uint8_t, kBlockHeaderSize> encode(const BlockHeader& header, Bytes payload) {
  assert(header.payload_size == payload.size() && payload.size() <= kMaxPayload);
  std::array<std::uint8_t, kBlockHeaderSize> out{};
  std::ranges::copy(kMarker, out.begin());
  out[kKindAt] = static_cast<std::uint8_t>(header.kind);
  store(out, kFlagsAt, header.order.any ? kOrderAny : std::uint16_t{0});
  store(out, kPayloadSizeAt, header.payload_size);
  store(out, kPacketsAt, header.packets);
  store(out, kEventsAt, header.events);
  store(out, kLayout.ordinal, header.ordinal);
  store(out, kFileAt, header.file);
  store(out, kLayout.next_expected, header.order.next_expected);
  store(out, kLayout.previous_sequence, header.order.previous_sequence);
  store(out, kLayout.previous_transit, header.order.previous_transit);
  store(out, kLayout.jitter, header.order.scaled_jitter);
  store(out, kLayout.payload_checksum, checksum(payload));
  store(out, kLayout.header_checksum, checksum(Bytes(out).first(kLayout.header_checksum)));
  return out;
}

std::optional<BlockHeader> decode_block_header(std::uint16_t version, Bytes bytes) {
  const Layout& at = layout(version);
  if (!std::ranges::equal(bytes.first(kMarker.size()), kMarker)) return std::nullopt;
  if (load<std::uint64_t>(bytes, at.header_checksum) != checksum(bytes.first(at.header_checksum))) return std::nullopt;
  BlockHeader header;
  if (bytes[kKindAt] != static_cast<std::uint8_t>(Kind::records) &&
      bytes[kKindAt] != static_cast<std::uint8_t>(Kind::tail))
    return std::nullopt;
  header.kind = static_cast<Kind>(bytes[kKindAt]);
  header.order.any = load<std::uint16_t>(bytes, kFlagsAt) & kOrderAny;
  header.payload_size = load<std::uint32_t>(bytes, kPayloadSizeAt);
  header.packets = load<std::uint32_t>(bytes, kPacketsAt);
  header.ordinal = load<std::uint32_t>(bytes, at.ordinal);
  header.order.next_expected = load<std::uint64_t>(bytes, at.next_expected);
  header.order.previous_sequence = load<std::uint64_t>(bytes, at.previous_sequence);
  header.order.previous_transit = load<std::int64_t>(bytes, at.previous_transit);
  header.order.scaled_jitter = load<std::uint64_t>(bytes, at.jitter);
  if (header.payload_size > kMaxPayload) return std::nullopt;
  if (version == 1) {
    if (bytes[kOldCompressionAt] != 0 || header.packets > header.payload_size) return std::nullopt;
    return header;
  }
  header.events = load<std::uint32_t>(bytes, kEventsAt);
  header.file = load<std::uint32_t>(bytes, kFileAt);
  if (header.packets > kMaxPackets || header.events > kMaxEvents) return std::nullopt;
  return header;
}

bool payload_intact(std::uint16_t version, Bytes header, Bytes payload) {
  return load<std::uint64_t>(header, layout(version).payload_checksum) == checksum(payload);
}

}  // namespace paceline::record
