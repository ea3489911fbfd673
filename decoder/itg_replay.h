// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <utility>

#include "decoder/render_itg.h"
#include "paceline/decoder.h"

namespace paceline::decoder {

/// A record file decoded for render_itg(): what it holds of loss in runs is in no result. Throws as replay() does.
std::pair<ItgFlow, Replay> replay_for_itg(const std::filesystem::path& file);

}  // namespace paceline::decoder
