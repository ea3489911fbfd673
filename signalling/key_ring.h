// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <vector>

#include "paceline/key.h"
#include "signalling/kept_current.h"

namespace paceline::signalling {

/// The keys that a peer may have: given ones, and those of a file as it is now.
using KeyRing = KeptCurrent<std::vector<Key>>;

/// Throws as read_keys() does.
KeyRing make_key_ring(const std::vector<Key>& given, const std::optional<KeyFile>& file);

}  // namespace paceline::signalling
