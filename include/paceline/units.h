// SPDX-License-Identifier: MIT
//
// Quantities as people write them: 500M, 1k, 512, 1.5KiB, 30s, 200ms. A bare number has the option's base unit.
#pragma once

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paceline/clock.h"
#include "paceline/error.h"

namespace paceline::units {

namespace detail {

using Factors = std::initializer_list<std::pair<std::string_view, double>>;

/// A non-negative number and one of the suffixes; throws UsageError that lists them.
inline double parse(std::string_view text, std::string_view what, Factors factors) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error == std::errc{} && std::isfinite(number)) {
    for (const auto& [name, factor] : factors) {
      if (suffix != name) continue;
      if (number < 0) throw UsageError(std::string(what) + " '" + std::string(text) + "' is negative");
      if (std::isfinite(number * factor)) return number * factor;
    }
  }
  std::string allowed;
  for (const auto& [name, factor] : factors) {
    if (!name.empty()) allowed += (allowed.empty() ? "" : ", ") + std::string(name);
  }
  throw UsageError("'" + std::string(text) + "' is no " + std::string(what) + ": write a number and one of " + allowed +
                   " (or nothing)");
}

}  // namespace detail

/// Packets per second: 1k, 2.5M.
inline double parse_packet_rate(std::string_view text) {
  return detail::parse(text, "packet rate", {{"", 1}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}});
}

/// Connections per second: 1k, 2.5k.
inline double parse_connection_rate(std::string_view text) {
  return detail::parse(text, "connection rate", {{"", 1}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}});
}

/// Bit/s: 500M, 1.5G.
inline double parse_bitrate(std::string_view text) {
  return detail::parse(text, "bitrate", {{"", 1}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}});
}

/// Bytes: 512, 1k (1000), 1KiB (1024).
inline std::uint64_t parse_bytes(std::string_view text) {
  const double bytes = detail::parse(text, "size",
                                     {{"", 1},
                                      {"B", 1},
                                      {"k", 1e3},
                                      {"K", 1e3},
                                      {"M", 1e6},
                                      {"G", 1e9},
                                      {"KiB", 1024},
                                      {"MiB", 1024.0 * 1024},
                                      {"GiB", 1024.0 * 1024 * 1024}});
  if (bytes != std::floor(bytes) || bytes > 9e15)
    throw UsageError("size '" + std::string(text) + "' is no whole number of bytes");
  return static_cast<std::uint64_t>(bytes);
}

/// A duration: 30s, 200ms, 5m; a bare number is seconds. At most 292 years.
inline nanoseconds parse_duration(std::string_view text) {
  const double ns = detail::parse(
      text, "duration",
      {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}});
  if (ns > 9e18) throw UsageError("duration '" + std::string(text) + "' is too long");
  return nanoseconds{std::llround(ns)};
}

/// A whole number of `what`, at most `most`; as 0x... too.
inline std::uint32_t parse_count(std::string_view text, std::string_view what, std::uint32_t most) {
  const bool hex = text.starts_with("0x");
  const std::string_view digits = text.substr(hex ? 2 : 0);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (error != std::errc{} || end != digits.data() + digits.size() || value > most) {
    throw UsageError(std::string(what) + " '" + std::string(text) + "' is no whole number up to " +
                     std::to_string(most));
  }
  return value;
}

/// CPUs as taskset -c takes them: 0,2-3. In the order that was written.
inline std::vector<std::uint32_t> parse_cpus(std::string_view text) {
  constexpr std::uint32_t kMost = 8191;
  std::vector<std::uint32_t> cpus;
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const auto dash = part.find('-');
    const std::uint32_t first = parse_count(part.substr(0, dash), "CPU", kMost);
    const std::uint32_t last =
        dash == std::string_view::npos ? first : parse_count(part.substr(dash + 1), "CPU", kMost);
    if (last < first) throw UsageError("CPUs '" + std::string(part) + "' go backwards");
    for (std::uint32_t cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return cpus;
}

}  // namespace paceline::units
