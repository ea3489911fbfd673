// SPDX-License-Identifier: MIT
#include "decoder/report/page.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <random>
#include <utility>

#include "paceline/version.h"

// assets.S
#define PACELINE_PART(name) extern "C" const char paceline_report_##name##_begin[], paceline_report_##name##_end[]
PACELINE_PART(page);
PACELINE_PART(style);
PACELINE_PART(base);
PACELINE_PART(distribution);
PACELINE_PART(run);
PACELINE_PART(comparison);
PACELINE_PART(start);
PACELINE_PART(chart);
PACELINE_PART(licence);
#undef PACELINE_PART

namespace paceline::decoder {

namespace {

#define PACELINE_TEXT(name)                        \
  std::string_view(paceline_report_##name##_begin, \
                   static_cast<std::size_t>(paceline_report_##name##_end - paceline_report_##name##_begin))

// What the page's scripts are allowed by: one that a hostile text smuggled in would not know it.
std::string nonce() {
  std::random_device device;
  std::uniform_int_distribution<std::uint64_t> any;
  return fmt::format("{:016x}{:016x}", any(device), any(device));
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      default: safe += letter;
    }
  }
  return safe;
}

// JSON in which nothing ends or begins an element: "<" occurs in strings alone.
std::string without_markup(std::string_view json) {
  std::string safe;
  safe.reserve(json.size());
  for (const char letter : json) {
    if (letter == '<')
      safe += "\\u003c";
    else
      safe += letter;
  }
  return safe;
}

}  // namespace

std::string report_page(std::string_view title, std::string_view json) {
  const std::string script = fmt::format("{}\n{}\n{}\n{}\n{}", PACELINE_TEXT(base), PACELINE_TEXT(distribution),
                                         PACELINE_TEXT(run), PACELINE_TEXT(comparison), PACELINE_TEXT(start));
  const std::string chart = fmt::format("{}{}", PACELINE_TEXT(licence), PACELINE_TEXT(chart));
  const std::string data = without_markup(json), allowed = nonce(), heading = escaped(title);
  const std::array<std::pair<std::string_view, std::string_view>, 7> parts{{{"@nonce@", allowed},
                                                                            {"@title@", heading},
                                                                            {"@style@", PACELINE_TEXT(style)},
                                                                            {"@version@", kVersion},
                                                                            {"@data@", data},
                                                                            {"@chart@", chart},
                                                                            {"@script@", script}}};
  // From left to right: nothing is looked for in what was put in.
  std::string page;
  std::string_view left = PACELINE_TEXT(page);
  while (true) {
    std::size_t at = std::string_view::npos;
    const std::pair<std::string_view, std::string_view>* next = nullptr;
    for (const auto& part : parts) {
      const std::size_t found = left.find(part.first);
      if (found >= at) continue;
      at = found;
      next = &part;
    }
    page += left.substr(0, at);
    if (next == nullptr) return page;
    page += next->second;
    left.remove_prefix(at + next->first.size());
  }
}

}  // namespace paceline::decoder
