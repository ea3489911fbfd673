// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace paceline::signalling {

/// What an operator is told of peers that had no key: at most a line a second, as they must not fill the log.
class Impostors {
 public:
  /// Of one more at `now`; empty if it is to be told later, with the next one.
  std::string tell(const std::string& peer, std::chrono::steady_clock::time_point now) {
    ++untold_;
    if (now < next_) return {};
    next_ = now + std::chrono::seconds(1);
    std::string text = "session " + peer + ": authentication failed";
    if (untold_ > 1) text += ", as it did for " + std::to_string(untold_ - 1) + " before it";
    untold_ = 0;
    return text;
  }

 private:
  std::uint64_t untold_ = 0;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace paceline::signalling
