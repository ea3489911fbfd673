// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace paceline::receiver {

/// The names by which refusals tell their limit, in brackets: "... the receiver's limit of 64 (sessions)".
inline constexpr std::array<std::string_view, 18> kLimitNames{"sessions",
                                                              "sessions per client",
                                                              "flows",
                                                              "flows per session",
                                                              "flows per client",
                                                              "followers",
                                                              "followers per client",
                                                              "streams",
                                                              "rate",
                                                              "client rate",
                                                              "total rate",
                                                              "bitrate",
                                                              "client bitrate",
                                                              "total bitrate",
                                                              "duration",
                                                              "record bytes",
                                                              "client record bytes",
                                                              "draining"};

/// The limit that this reason names; "other" if it is none. So few values, whatever peers write.
inline std::string limit_named_in(std::string_view reason) {
  for (const std::string_view name : kLimitNames) {
    if (reason.find('(' + std::string(name) + ')') != std::string_view::npos) return std::string(name);
  }
  return "other";
}

}  // namespace paceline::receiver
