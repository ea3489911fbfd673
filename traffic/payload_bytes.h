// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "paceline/flow.h"

namespace paceline::traffic {

class PayloadBytes;

/// The payload files of one run by their names, so that flows of the same one share it in memory.
using PayloadCache = std::map<std::string, std::shared_ptr<const PayloadBytes>>;

/// What a flow's packets carry behind their headers: one stretch of bytes, again and again.
class PayloadBytes {
 public:
  static constexpr std::size_t kMaxFile = 64 << 20;

  /// Null for Payload::zeros. Random ones are settled by the flow's seed, and large enough that hundreds of packets
  /// differ. Throws UsageError with the file's name and what is wrong: not there, empty, beyond kMaxFile.
  static std::shared_ptr<const PayloadBytes> of(const PacketFlowSpec& spec, PayloadCache* cache = nullptr);

  /// Writes what a packet carries: packet 0 the first bytes, each next one `stride` bytes further on. A stride that is
  /// what the largest packet carries gives packets of that size the bytes in order.
  void write(std::uint64_t packet, std::size_t stride, std::span<std::uint8_t> out) const;

  std::size_t size() const { return bytes_.size(); }

 private:
  explicit PayloadBytes(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}
  static std::shared_ptr<const PayloadBytes> random(std::uint64_t seed, std::size_t packet);
  static std::shared_ptr<const PayloadBytes> from_file(const std::string& name);

  std::vector<std::uint8_t> bytes_;
};

}  // namespace paceline::traffic
