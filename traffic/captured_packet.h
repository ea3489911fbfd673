// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace paceline::traffic {

/// What a capture's packets begin with.
enum class Link { ethernet, cooked, cooked_v2, raw_ip };

/// The bytes of UDP or TCP payload that a captured packet had on the wire, by its headers: captures cut packets short,
/// but keep these. VLAN tags and IPv6 extension headers are passed over. nullopt for whatever else there is: other
/// protocols, TCP segments without payload, fragments after the first (the first stands for its whole datagram), and
/// packets whose headers are cut short or make no sense. `wire_length` is the whole packet's, link header included.
std::optional<std::uint32_t> payload_of(std::span<const std::uint8_t> captured, Link link, std::uint32_t wire_length);

}  // namespace paceline::traffic
