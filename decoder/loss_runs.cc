// SPDX-License-Identifier: MIT
#include "decoder/loss_runs.h"

#include <algorithm>

namespace paceline::decoder {

void LossRuns::decide_below(std::uint64_t sequence) {
  // Nothing beyond next_ was seen, so a long gap is one run and needs no walk.
  const std::uint64_t walked = std::min(sequence, next_);
  for (; decided_ < walked; ++decided_) {
    const bool seen = seen_[decided_ % kWindow];
    seen_[decided_ % kWindow] = false;
    if (!seen) {
      ++lost_;
      runs_ += in_run_ ? 0 : 1;
    }
    in_run_ = !seen;
  }
  if (decided_ < sequence) {
    lost_ += sequence - decided_;
    runs_ += in_run_ ? 0 : 1;
    in_run_ = true;
    decided_ = sequence;
  }
}

void LossRuns::arrived(std::uint64_t sequence) {
  if (sequence < decided_) return;
  if (sequence - decided_ >= kWindow) decide_below(sequence - kWindow + 1);
  seen_[sequence % kWindow] = true;
  next_ = std::max(next_, sequence + 1);
}

void LossRuns::finish(std::uint64_t sent) { decide_below(std::max(sent, next_)); }

}  // namespace paceline::decoder
