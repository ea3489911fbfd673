// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

#include "paceline/result.h"

namespace paceline::traffic {

/// What results say of the machine that this end runs on. What cannot be read stays empty. `root` stands in
/// for / when what it holds is to be read instead.
Host this_host(const std::filesystem::path& root = "/");

}  // namespace paceline::traffic
