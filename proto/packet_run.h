// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace paceline::packet {

/// Of data packets of `size` bytes each, one after the other: how many at their head are a run, that is differ from the
/// first in nothing but their lateness and their sequence numbers, which count up by one. Writes each one's encoded
/// lateness. At most lateness.size(). Precondition: the first is a whole packet, size >= kHeaderSize, and lateness is
/// not empty.
std::size_t run_length(std::span<const std::uint8_t> packets, std::size_t size, std::span<std::uint16_t> lateness);

}  // namespace paceline::packet
