// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "paceline/campaign.h"
#include "sender/hook_command.h"

namespace paceline::sender {

/// What a hook is told of the run that it belongs to.
struct HookMoment {
  std::size_t cell = 0;
  std::uint32_t repetition = 1;
  std::uint32_t attempt = 1;
  std::string changed;       ///< axes whose values are others than before, in the axes' order; of a scenario's hooks
  std::string_view outcome;  ///< of the run that is over; else empty
};

/// The environment's name for an axis: PACELINE_AXIS_DATA_PATH for data-path.
std::string axis_variable(std::string_view axis);

/// A campaign's hooks, and which scenario they have set up.
class CampaignHooks {
 public:
  CampaignHooks(const CampaignSpec& spec, CampaignObserver& observer) : spec_(spec), observer_(observer) {}

  /// Cleans up after the scenario that is set up, if it is another one, and sets up the moment's. Throws SetupError.
  void enter(const HookMoment& moment, const std::stop_token& stop);
  /// before_run. Throws SetupError.
  void before_run(const HookMoment& moment, const std::stop_token& stop);
  /// after_run. When it fails the scenario is set up anew before its next run.
  void after_run(const HookMoment& moment);
  /// Cleans up after the scenario that is set up.
  void leave();

 private:
  std::string axes_changed(std::size_t to) const;
  void call(std::string_view name, const CampaignHook& hook, const HookMoment& moment, const std::stop_token& stop);
  void call_after(std::string_view name, const CampaignHook& hook, const HookMoment& moment);
  Environment environment(const HookMoment& moment) const;

  const CampaignSpec& spec_;
  CampaignObserver& observer_;
  std::optional<HookMoment> set_up_;   // of the scenario that is set up
  std::optional<std::size_t> before_;  // the scenario that was set up last, still or not
  bool stale_ = false;                 // what is set up cannot be relied on
};

}  // namespace paceline::sender
