// SPDX-License-Identifier: MIT
//
// The runs of a campaign, one line of JSON each: what campaigns append to, and comparisons read. decoder/README.md has
// the format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paceline/result.h"

namespace paceline {

/// One cell of a campaign's matrix: each axis and its value as written, in the axes' order.
using Scenario = std::vector<std::pair<std::string, std::string>>;

enum class Outcome {
  complete,  ///< everything was measured
  partial,   ///< part of it, which is kept
  failed,    ///< nothing: a hook or the set-up failed
};

constexpr std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::complete: return "complete";
    case Outcome::partial: return "partial";
    case Outcome::failed: return "failed";
  }
  return "failed";
}

/// The first line of a runs file: what the campaign is.
struct CampaignHead {
  std::string name;
  std::string version;     ///< Paceline's
  std::string started_at;  ///< UTC, RFC 3339
  std::vector<std::pair<std::string, std::vector<std::string>>> axes;
  std::uint32_t repetitions = 1;
  std::string order;        ///< "interleaved", "random", "sequential"
  std::uint64_t seed = 0;   ///< of a random order
  std::string fingerprint;  ///< of all that decides what a run measures; a file is resumed by the same alone

  bool operator==(const CampaignHead&) const = default;
};

/// One attempt at one run.
struct CampaignRun {
  Scenario scenario;
  std::uint32_t repetition = 1;  ///< from 1
  std::uint32_t attempt = 1;     ///< from 1
  std::string started_at;        ///< UTC, RFC 3339
  nanoseconds elapsed{0};        ///< hooks and gap included
  Outcome outcome = Outcome::complete;
  std::string reason;               ///< why it is not complete; empty if it is
  std::optional<RunResult> result;  ///< none if it failed
};

/// A line each, {"type":"campaign",...} and {"type":"run",...}; no line end. A run's distributions carry their
/// histograms here, so that every percentile can be computed later.
std::string render_runs_line(const CampaignHead& head);
std::string render_runs_line(const CampaignRun& run);

}  // namespace paceline
