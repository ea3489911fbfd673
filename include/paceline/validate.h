// SPDX-License-Identifier: MIT
//
// Whether a specification makes sense. Each throws UsageError that names the field, its value and what is allowed.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <variant>

#include "paceline/error.h"
#include "paceline/flow.h"

namespace paceline {

namespace validation {

inline void require(bool holds, const std::string& what) {
  if (!holds) throw UsageError(what);
}

inline std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

inline std::string seconds(nanoseconds time) { return number(std::chrono::duration<double>(time).count()) + " s"; }

/// What every kind of flow has.
template <class Spec>
void times(const Spec& spec) {
  require(spec.duration > nanoseconds{0} && spec.duration <= UdpFlowSpec::kMaxDuration,
          "duration is " + seconds(spec.duration) + ": it must be above 0 and at most 72 h");
  require(spec.interval >= UdpFlowSpec::kMinInterval && spec.interval <= UdpFlowSpec::kMaxInterval,
          "interval is " + seconds(spec.interval) + ": it must be 10 ms to 1 h");
  require(spec.omit >= nanoseconds{0} && spec.omit <= UdpFlowSpec::kMaxDuration,
          "omit is " + seconds(spec.omit) + ": it must be 0 to 72 h");
  require(spec.omit % spec.interval == nanoseconds{0},
          "omit is " + seconds(spec.omit) + ": it must be whole intervals, of " + seconds(spec.interval) + " here");
}

}  // namespace validation

inline void validate(const UdpFlowSpec& spec) {
  using validation::number, validation::require;
  require(spec.rate_pps >= 0 && spec.rate_pps <= UdpFlowSpec::kMaxRate,
          "rate is " + number(spec.rate_pps) + " packets/s: it must be 0 (as fast as can be) to 100M");
  require(spec.size >= UdpFlowSpec::kMinSize && spec.size <= UdpFlowSpec::kMaxSize,
          "size is " + std::to_string(spec.size) +
              " bytes: it must be 18 (the packet header) to 65507 (the largest UDP payload)");
  require(spec.batch <= UdpFlowSpec::kMaxBatch,
          "batch is " + std::to_string(spec.batch) + " datagrams a call: it must be 0 (chosen by the sender) to 128");
  validation::times(spec);
}

inline void validate(const TcpFlowSpec& spec) {
  using validation::number, validation::require;
  require(spec.streams >= 1 && spec.streams <= TcpFlowSpec::kMaxStreams,
          "streams is " + std::to_string(spec.streams) + ": it must be 1 to 1024");
  require(spec.bitrate_bps >= 0 && spec.bitrate_bps <= TcpFlowSpec::kMaxBitrate,
          "bitrate is " + number(spec.bitrate_bps) + " bit/s: it must be 0 (as fast as can be) to 10T");
  const auto name_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  require(spec.congestion.size() <= TcpFlowSpec::kMaxName && std::ranges::all_of(spec.congestion, name_char),
          "congestion is no name of a congestion control: letters, digits, _ and -, at most 15");
  require(spec.mss == 0 || (spec.mss >= 88 && spec.mss <= 32767),
          "mss is " + std::to_string(spec.mss) + " bytes: it must be 88 to 32767");
  require(
      spec.socket_buffer == 0 || (spec.socket_buffer >= 4096 && spec.socket_buffer <= TcpFlowSpec::kMaxSocketBuffer),
      "socket buffer is " + std::to_string(spec.socket_buffer) + " bytes: it must be 4096 to 1 GiB");
  validation::times(spec);
}

inline void validate(const ConnectionFlowSpec& spec) {
  using validation::number, validation::require, validation::seconds;
  require(spec.rate >= 0 && spec.rate <= ConnectionFlowSpec::kMaxRate,
          "rate is " + number(spec.rate) + " connections/s: it must be 0 (as fast as can be) to 10M");
  require(spec.concurrency <= ConnectionFlowSpec::kMaxConcurrency,
          "concurrency is " + std::to_string(spec.concurrency) + ": it must be 0 (chosen by the sender) to 16384");
  require(spec.timeout >= std::chrono::milliseconds(1) && spec.timeout <= std::chrono::seconds(60),
          "timeout is " + seconds(spec.timeout) + ": it must be 1 ms to 60 s");
  validation::times(spec);
}

inline void validate(const FlowSpec& spec) {
  std::visit([](const auto& flow) { validate(flow); }, spec);
}

}  // namespace paceline
