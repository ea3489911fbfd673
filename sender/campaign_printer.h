// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>

#include "paceline/campaign.h"

namespace paceline::sender {

/// Tells of a campaign on standard error: a terminal gets one line that is drawn again and again, everything else a
/// line a run.
class CampaignPrinter : public CampaignObserver {
 public:
  /// The specification outlives the printer. Quiet: only what went wrong.
  CampaignPrinter(const CampaignSpec& spec, bool quiet);
  ~CampaignPrinter() override { erase(); }

  void planned(const CampaignProgress& progress) override;
  void hook(std::string_view name, const Scenario& scenario) override;
  void run_started(const CampaignStep& step, const Scenario& scenario, std::uint32_t attempt,
                   const CampaignProgress& progress) override;
  void run_finished(const CampaignStep& step, const CampaignRun& run, const CampaignProgress& progress) override;
  void retrying(nanoseconds pause) override;
  void warning(const std::string& text) override;

  /// What became of it all, and how to go on.
  void summary(const CampaignSummary& summary);

 private:
  void draw(const std::string& doing);
  void erase();
  void line(const std::string& text);

  const CampaignSpec& spec_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  std::string current_;  // the run under way
  CampaignProgress progress_;
  std::set<std::string> warned_;  // each warning is told once, however many runs have it
  std::chrono::steady_clock::time_point began_;
};

/// "services=1000, family=4"; the campaign's name where it has no axes.
std::string scenario_text(const Scenario& scenario);

}  // namespace paceline::sender
