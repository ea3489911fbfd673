// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>

#include "paceline/result.h"

namespace paceline::traffic {

/// CPU time that this process has used until now, all its threads together (getrusage), and what was stolen of the
/// machine since it started (proc_stat(5)). `elapsed` is left 0: that is for who takes the difference of two readings.
/// `root` stands in for / when what it holds is to be read instead.
CpuTime cpu_time(const std::filesystem::path& root = "/");

/// What the process spends from the measured part's start on. Times are of one clock, whichever it is.
class MeasuredCpu {
 public:
  bool began() const { return before_.has_value(); }
  void begin(nanoseconds now) {
    before_ = cpu_time();
    before_->elapsed = now;
  }
  /// All zero if it never began.
  CpuTime until(nanoseconds now) const {
    if (!before_) return {};
    const CpuTime all = cpu_time();
    return {all.user - before_->user, all.system - before_->system, now - before_->elapsed,
            all.stolen - before_->stolen};
  }

 private:
  std::optional<CpuTime> before_;  // its elapsed: when it began
};

}  // namespace paceline::traffic
