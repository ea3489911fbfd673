// SPDX-License-Identifier: MIT
//
// SCTP sockets of the one-to-one kind (RFC 6458), by the kernel's own definitions: no library is needed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>

namespace paceline::traffic {

/// Streams that a listening end takes of another: they cost memory for each association.
inline constexpr std::uint16_t kMostSctpStreams = 4096;

/// Why this kernel has no SCTP sockets, and what to do; empty if it has.
std::string sctp_refusal();

/// What a socket asks for before it connects: so many streams out. Throws SetupError.
void configure_sctp(int socket, std::uint16_t streams, bool no_delay);
/// A socket that listens takes kMostSctpStreams of those that connect, and sends on 64 at most. Throws SetupError.
void configure_sctp_listener(int socket);
/// Streams that this end may send on; at least 1.
std::uint16_t sctp_streams_out(int socket);

/// One message on `stream`, whole or not at all; as send() but for the stream. Never raises SIGPIPE, never waits.
ssize_t send_sctp(int socket, std::span<const std::uint8_t> message, std::uint16_t stream);

}  // namespace paceline::traffic
