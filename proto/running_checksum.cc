// SPDX-License-Identifier: MIT
#include "proto/running_checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace paceline::wire {

struct RunningChecksum::State {
  XXH3_state_t sum;
};

RunningChecksum::RunningChecksum() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->sum); }

RunningChecksum::~RunningChecksum() = default;

void RunningChecksum::add(std::string_view bytes) { XXH3_64bits_update(&state_->sum, bytes.data(), bytes.size()); }

std::uint64_t RunningChecksum::value() const { return XXH3_64bits_digest(&state_->sum); }

}  // namespace paceline::wire
