// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "paceline/error.h"

namespace paceline {

/// A host (name, IPv4 or IPv6 address with an optional zone id) and a port.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};

/// "host:port", IPv6 in brackets.
inline std::string to_string(const Endpoint& endpoint) {
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

/// A port number, 1 to 65535. Throws UsageError.
inline std::uint16_t parse_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > 65535)
    throw UsageError("'" + std::string(text) + "' is no port: it must be 1 to 65535");
  return static_cast<std::uint16_t>(value);
}

/// "host", "host:port", "[v6]", "[v6]:port" or a bare IPv6 address. Throws UsageError.
inline Endpoint parse_endpoint(std::string_view text, std::uint16_t default_port) {
  const auto bad = [&](const char* why) { return UsageError("'" + std::string(text) + "' is no HOST[:PORT]: " + why); };
  if (text.empty()) throw bad("it is empty");
  if (text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) throw bad("']' is missing");
    const auto rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') throw bad("after ']' only ':PORT' may follow");
    if (close == 1) throw bad("the address is empty");
    return {std::string(text.substr(1, close - 1)), rest.empty() ? default_port : parse_port(rest.substr(1))};
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
    return {std::string(text), default_port};
  if (colon == 0) throw bad("the host is empty");
  return {std::string(text.substr(0, colon)), parse_port(text.substr(colon + 1))};
}

}  // namespace paceline
