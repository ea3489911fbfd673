// SPDX-License-Identifier: MIT
//
// What travels on the data path. proto/README.md draws every byte; network byte order throughout.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace paceline::packet {

inline constexpr std::uint8_t kMagic = 0xD1;  // high nibble: Paceline's mark; low nibble: version 1

enum class Type : std::uint8_t { data = 1, probe = 2, probe_reply = 3, echo = 4, knock = 5 };

inline constexpr std::size_t kHeaderSize = 18;
inline constexpr std::size_t kProbeSize = 64;
inline constexpr std::size_t kProbeReplySize = 58;
static_assert(kProbeReplySize <= kProbeSize, "a reply must never be larger than its probe");

using Secret = std::array<std::uint8_t, 16>;
using Nonce = std::array<std::uint8_t, 16>;

/// In a time that does not depend on where the two differ. Of a Nonce, too.
bool equal(const Secret& a, const Secret& b);

/// Every packet's head. Times are nanoseconds of the sender's CLOCK_MONOTONIC.
struct Header {
  Type type = Type::data;
  std::uint32_t flow_id = 0;
  std::uint32_t sequence = 0;   // low 32 bits; a probe's is its attempt
  std::uint64_t send_time = 0;  // low 48 bits
  std::uint16_t lateness = 0;   // encode_lateness()
};

/// Asks for a reply. The secret tells the session's receiver from others behind the same Service; a nonce from
/// an earlier reply proves that this address receives what is sent to it (all zero: none yet).
struct Probe {
  std::uint32_t flow_id = 0;
  std::uint32_t attempt = 0;
  Secret secret{};
  Nonce nonce{};
  std::uint64_t sent = 0;  // t1, sender's clock, all 64 bits
};

struct ProbeReply {
  std::uint32_t flow_id = 0;
  std::uint32_t attempt = 0;
  Nonce nonce{};
  std::uint64_t sent = 0;      // t1, echoed
  std::uint64_t received = 0;  // t2, receiver's clock
  std::uint64_t replied = 0;   // t3, receiver's clock
};

/// In passive mode the receiver's first packet to the sender: opens the way through the translations before it, and
/// shows where it comes out. As large as a probe, of which it is the secret that counts.
struct Knock {
  std::uint32_t flow_id = 0;
  std::uint32_t number = 0;  // 1, 2, ...: of a datagram, or of a TCP connection
  Secret secret{};
};

/// Writes kHeaderSize bytes. Precondition: out.size() >= kHeaderSize.
void encode(const Header& header, std::span<std::uint8_t> out);
/// Turns a data packet's header into that of its echo: the same but for the type. Precondition: a whole header.
void make_echo(std::span<std::uint8_t> header);
/// nullopt for anything that is no packet of ours (short, other magic or version, unknown type).
std::optional<Header> decode_header(std::span<const std::uint8_t> bytes);

std::array<std::uint8_t, kProbeSize> encode(const Probe& probe);
std::optional<Probe> decode_probe(std::span<const std::uint8_t> bytes);

std::array<std::uint8_t, kProbeReplySize> encode(const ProbeReply& reply);
std::optional<ProbeReply> decode_probe_reply(std::span<const std::uint8_t> bytes);

std::array<std::uint8_t, kProbeSize> encode(const Knock& knock);
std::optional<Knock> decode_knock(std::span<const std::uint8_t> bytes);

/// Nanoseconds as a float of 5 bits exponent and 11 bits mantissa, rounded down: exact below 2048 ns, to 1 part in
/// 2048 above, saturating at 4095 * 2^30 ns (73 min). Negative lateness (sent early) becomes 0.
std::uint16_t encode_lateness(std::int64_t nanoseconds);
std::int64_t decode_lateness(std::uint16_t encoded);

/// The 64-bit sequence number nearest to `expected` whose low 32 bits are `low`. Never below 0: a number that would
/// be is taken from the first cycle.
std::uint64_t extend_sequence(std::uint32_t low, std::uint64_t expected);

/// The time nearest to `near` whose low 48 bits are `low`.
std::int64_t extend_time(std::uint64_t low, std::int64_t near);

}  // namespace paceline::packet
