// SPDX-License-Identifier: MIT
#include "sender/values.h"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include "paceline/flow.h"

namespace paceline::sender {

namespace {

constexpr std::uint32_t kMaxDscp = 63;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool is_digit(char c, char least, char most) { return c >= least && c <= most; }

// The names of RFC 2474 (CS), 2597 (AF), 3246 (EF), 5865 (VOICE-ADMIT), 8622 (LE).
std::optional<std::uint8_t> dscp_named(const std::string& name) {
  if (name == "default" || name == "be" || name == "df") return std::uint8_t{0};
  if (name == "le") return std::uint8_t{1};
  if (name == "va" || name == "voice-admit") return std::uint8_t{44};
  if (name == "ef") return std::uint8_t{46};
  if (name.size() == 3 && name.starts_with("cs") && is_digit(name[2], '0', '7'))
    return static_cast<std::uint8_t>((name[2] - '0') * 8);
  if (name.size() == 4 && name.starts_with("af") && is_digit(name[2], '1', '4') && is_digit(name[3], '1', '3'))
    return static_cast<std::uint8_t>((name[2] - '0') * 8 + (name[3] - '0') * 2);
  return std::nullopt;
}

}  // namespace

bool parse_switch(const std::string& text) { return one_of<bool>({{"true", true}, {"false", false}})(text); }

std::uint64_t parse_many(const std::string& text, const std::string& what) {
  const double number = units::detail::parse(text, what, {{"", 1}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}});
  if (number != std::floor(number) || number > 9e15) throw UsageError("'" + text + "' is no whole number of " + what);
  return static_cast<std::uint64_t>(number);
}

std::uint64_t parse_seed(const std::string& text) {
  const bool hex = text.starts_with("0x");
  const char* const begin = text.data() + (hex ? 2 : 0);
  const char* const end = text.data() + text.size();
  std::uint64_t seed = 0;
  const auto [stopped, error] = std::from_chars(begin, end, seed, hex ? 16 : 10);
  if (error != std::errc{} || stopped != end)
    throw UsageError("seed '" + text + "' is no whole number up to 18446744073709551615 (64 bits; 0x... is one, too)");
  return seed;
}

std::uint32_t parse_packet_size(const std::string& text) {
  const std::uint64_t bytes = units::parse_bytes(text);
  if (bytes > PacketFlowSpec::kMaxSize) throw UsageError("size '" + text + "': the largest UDP payload is 65507 bytes");
  return static_cast<std::uint32_t>(bytes);
}

std::uint8_t parse_dscp(const std::string& text) {
  if (const auto named = dscp_named(lower(text))) return *named;
  try {
    return static_cast<std::uint8_t>(units::parse_count(text, "DSCP", kMaxDscp));
  } catch (const UsageError&) {
    throw UsageError("'" + text +
                     "' is no DSCP: write 0 to 63, EF, CS0 to CS7, AF11 to AF43, VA, LE or default (RFC 2474; the "
                     "whole DS byte, as D-ITG's -b takes it, is four times that)");
  }
}

std::uint8_t parse_ecn(const std::string& text) {
  static const std::array<std::string, 4> names{"not-ect", "ect1", "ect0", "ce"};  // in the order of RFC 3168's bits
  const auto found = std::ranges::find(names, lower(text));
  if (found != names.end()) return static_cast<std::uint8_t>(found - names.begin());
  try {
    return static_cast<std::uint8_t>(units::parse_count(text, "ECN", 3));
  } catch (const UsageError&) {
    throw UsageError("'" + text + "' is no ECN: write 0 to 3, not-ect, ect0, ect1 or ce (RFC 3168)");
  }
}

double parse_factor(const std::string& text, const std::string& what) {
  const double factor = units::detail::parse(text, what, {{"", 1}, {"x", 1}, {"%", 0.01}});
  if (factor <= 0) throw UsageError(what + " is " + text + ": it must be above 0");
  return factor;
}

}  // namespace paceline::sender
