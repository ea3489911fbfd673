// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace paceline::decoder {

/// The report's page with this title (any text) and this data (JSON).
std::string report_page(std::string_view title, std::string_view json);

}  // namespace paceline::decoder
