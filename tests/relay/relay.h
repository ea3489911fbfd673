// SPDX-License-Identifier: MIT
//
// A UDP relay that loses, delays, duplicates and reorders on purpose, and counts exactly what it did: where
// the kernel has no netem, and so that a test can compare a measurement with the truth.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "paceline/endpoint.h"
#include "tests/relay/impairment.h"

namespace paceline::relay {

/// What happened to the datagrams of one direction. All but `passed` count only those that match.
struct Counters {
  std::uint64_t matched = 0;
  std::uint64_t sent = 0;         // datagrams that left, copies included
  std::uint64_t dropped = 0;      // by the dice, by number, by darkness
  std::uint64_t dark = 0;         // of these, because the path was dark
  std::uint64_t duplicated = 0;   // second copies
  std::uint64_t reordered = 0;    // left after a packet that had come later (RFC 4737), first copies only
  std::uint64_t passed = 0;       // did not match: forwarded with the delay alone
  std::uint64_t send_errors = 0;  // the kernel refused a send (an ICMP error of an earlier one, say)
};

struct Options {
  Endpoint listen;
  Endpoint to;
  std::vector<std::uint8_t> match;       // impair datagrams that begin with these bytes only
  std::array<Impairment, 2> impairment;  // client to target, target to client
  std::uint64_t seed = 1;
};

/// Relays until SIGTERM or SIGINT, which the caller has blocked; SIGUSR1 (blocked too) makes the path dark
/// and light again, for every datagram of both directions. Prints "listening: HOST:PORT" on standard error
/// when ready. Returns the counters by direction, as JSON. Throws SetupError.
std::string relay(const Options& options);

}  // namespace paceline::relay
