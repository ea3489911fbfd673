// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "paceline/clock.h"
#include "paceline/error.h"

namespace paceline {

/// How the sender waits for a packet's due time.
enum class Pacing {
  sleep,   ///< sleeps to the due time: cheapest, late by what the machine oversleeps
  hybrid,  ///< sleeps until shortly before, then spins; the margin follows the machine's oversleep
  busy,    ///< spins all the time: most exact, costs a core
};

/// What happens to slots that the sender could not serve in time.
enum class LatePolicy {
  send,  ///< every slot is sent, late if need be
  skip,  ///< slots that are a whole gap late are dropped and counted as missed
};

std::string_view constexpr to_string(Pacing pacing) {
  switch (pacing) {
    case Pacing::sleep: return "sleep";
    case Pacing::hybrid: return "hybrid";
    case Pacing::busy: return "busy";
  }
  return "hybrid";
}

std::string_view constexpr to_string(LatePolicy late) { return late == LatePolicy::send ? "send" : "skip"; }

/// One UDP latency flow as the user asks for it.
struct FlowSpec {
  double rate_pps = 1000;                           ///< packets per second; > 0, at most kMaxRate
  std::uint32_t size = 512;                         ///< UDP payload in bytes, Paceline's header included
  nanoseconds duration = std::chrono::seconds(30);  ///< > 0, at most kMaxDuration
  nanoseconds interval = std::chrono::seconds(1);   ///< length of a row of the live stream, 10 ms to 1 h
  Pacing pacing = Pacing::hybrid;
  LatePolicy late = LatePolicy::send;

  static constexpr double kMaxRate = 1e8;
  static constexpr std::uint32_t kMinSize = 18;     ///< the packet header
  static constexpr std::uint32_t kMaxSize = 65507;  ///< 65535 less the IPv4 and UDP headers
  static constexpr nanoseconds kMaxDuration = std::chrono::hours(72);
  static constexpr nanoseconds kMinInterval = std::chrono::milliseconds(10);
  static constexpr nanoseconds kMaxInterval = std::chrono::hours(1);

  bool operator==(const FlowSpec&) const = default;
};

/// Throws UsageError that names the field, its value and what is allowed.
inline void validate(const FlowSpec& spec) {
  const auto require = [](bool holds, const std::string& what) {
    if (!holds) throw UsageError(what);
  };
  const auto number = [](double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return std::string(text);
  };
  const auto seconds = [&](nanoseconds time) { return number(std::chrono::duration<double>(time).count()) + " s"; };
  require(spec.rate_pps > 0 && spec.rate_pps <= FlowSpec::kMaxRate,
          "rate is " + number(spec.rate_pps) + " packets/s: it must be above 0 and at most 100M");
  require(spec.size >= FlowSpec::kMinSize && spec.size <= FlowSpec::kMaxSize,
          "size is " + std::to_string(spec.size) +
              " bytes: it must be 18 (the packet header) to 65507 (the largest UDP payload)");
  require(spec.duration > nanoseconds{0} && spec.duration <= FlowSpec::kMaxDuration,
          "duration is " + seconds(spec.duration) + ": it must be above 0 and at most 72 h");
  require(spec.interval >= FlowSpec::kMinInterval && spec.interval <= FlowSpec::kMaxInterval,
          "interval is " + seconds(spec.interval) + ": it must be 10 ms to 1 h");
}

}  // namespace paceline
