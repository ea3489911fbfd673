// SPDX-License-Identifier: MIT
#include "sender/campaign_hooks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <exception>
#include <sstream>
#include <utility>

#include "paceline/error.h"

namespace paceline::sender {

namespace {

// The command as a person would type it, cut short where it is long.
std::string shown(const CampaignHook& hook) {
  constexpr std::size_t kMost = 80;
  std::string text;
  const bool of_shell = hook.command.size() == 3 && hook.command[0] == "/bin/sh" && hook.command[1] == "-c";
  if (of_shell) {
    text = hook.command[2];
  } else {
    for (const std::string& word : hook.command) text += (text.empty() ? "" : " ") + word;
  }
  text = text.substr(0, text.find('\n'));
  return text.size() > kMost ? text.substr(0, kMost) + "..." : text;
}

// The last line that says something.
std::string last_line(const std::string& text) {
  std::istringstream lines(text);
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    const bool says = std::ranges::any_of(line, [](unsigned char letter) { return std::isalnum(letter) != 0; });
    if (says) last = line;
  }
  return last;
}

}  // namespace

std::string axis_variable(std::string_view axis) {
  std::string name = "PACELINE_AXIS_";
  for (const char letter : axis) {
    const auto byte = static_cast<unsigned char>(letter);
    name += std::isalnum(byte) != 0 ? static_cast<char>(std::toupper(byte)) : '_';
  }
  return name;
}

void CampaignHooks::enter(const HookMoment& moment, const std::stop_token& stop) {
  if (set_up_ && set_up_->cell == moment.cell && !stale_) return;
  leave();
  HookMoment entered = moment;
  entered.changed = axes_changed(moment.cell);
  // Even where it fails: what it did until then is to be cleaned up.
  set_up_ = entered;
  before_ = moment.cell;
  stale_ = true;
  call("before_scenario", spec_.before_scenario, entered, stop);
  stale_ = false;
}

void CampaignHooks::before_run(const HookMoment& moment, const std::stop_token& stop) {
  call("before_run", spec_.before_run, moment, stop);
}

void CampaignHooks::after_run(const HookMoment& moment) { call_after("after_run", spec_.after_run, moment); }

void CampaignHooks::leave() {
  if (!set_up_) return;
  const HookMoment left = *std::exchange(set_up_, std::nullopt);
  call_after("after_scenario", spec_.after_scenario, left);
}

std::string CampaignHooks::axes_changed(std::size_t to) const {
  std::string changed;
  const Scenario& now = spec_.cells[to].scenario;
  for (std::size_t i = 0; i < now.size(); ++i) {
    const bool same = before_ && !stale_ && spec_.cells[*before_].scenario[i] == now[i];
    if (!same) changed += (changed.empty() ? "" : " ") + now[i].first;
  }
  return changed;
}

void CampaignHooks::call(std::string_view name, const CampaignHook& hook, const HookMoment& moment,
                         const std::stop_token& stop) {
  if (!hook) return;
  observer_.hook(name, spec_.cells[moment.cell].scenario);
  if (hook.call) {
    try {
      hook.call(spec_.cells[moment.cell].scenario, moment.repetition);
    } catch (const std::exception& error) {
      throw SetupError(fmt::format("{}: {}", name, error.what()));
    }
    return;
  }
  const CommandEnd end = run_command(hook.command, environment(moment), spec_.folder, spec_.hook_limit, stop);
  if (end.failure.empty()) return;
  const std::string what = fmt::format("{}: '{}' {}", name, shown(hook), end.failure);
  if (stop.stop_requested()) throw SetupError(what);
  observer_.warning(what + (end.output.empty() ? "; it wrote nothing" : "; it wrote:\n" + end.output));
  const std::string said = last_line(end.output);
  throw SetupError(what + (said.empty() ? "" : ": " + said));
}

void CampaignHooks::call_after(std::string_view name, const CampaignHook& hook, const HookMoment& moment) {
  try {
    call(name, hook, moment, {});
  } catch (const SetupError& error) {
    stale_ = true;
    if (hook.call) observer_.warning(error.what());
  }
}

Environment CampaignHooks::environment(const HookMoment& moment) const {
  Environment all{{"PACELINE_CAMPAIGN", spec_.name},
                  {"PACELINE_SCENARIO", std::to_string(moment.cell + 1)},
                  {"PACELINE_SCENARIOS", std::to_string(spec_.cells.size())},
                  {"PACELINE_REPETITION", std::to_string(moment.repetition)},
                  {"PACELINE_REPETITIONS", std::to_string(spec_.repetitions)},
                  {"PACELINE_ATTEMPT", std::to_string(moment.attempt)},
                  {"PACELINE_CHANGED", moment.changed},
                  {"PACELINE_OUTCOME", std::string(moment.outcome)}};
  for (const auto& [axis, value] : spec_.cells[moment.cell].scenario) all.emplace_back(axis_variable(axis), value);
  return all;
}

}  // namespace paceline::sender
