// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>

namespace paceline::signalling {

/// What a file holds that is a secret: 1 MiB at most. `what` it is, for the errors. Throws FileError, also when others
/// than its owner and group may read it, or than its owner may write it.
std::string read_private_file(const std::filesystem::path& file, const std::string& what);

}  // namespace paceline::signalling
