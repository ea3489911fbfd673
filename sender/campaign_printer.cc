// SPDX-License-Identifier: MIT
#include "sender/campaign_printer.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "sender/duration_text.h"

namespace paceline::sender {

namespace {

constexpr std::size_t kMostWarnings = 1000;  // that are remembered

std::size_t terminal_width() {
  constexpr std::size_t kUsual = 80;
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

std::string left_text(const CampaignProgress& progress) {
  return progress.done == progress.runs ? "" : fmt::format("; {} left", duration_text(progress.left));
}

}  // namespace

std::string scenario_text(const Scenario& scenario) {
  std::string text;
  for (const auto& [axis, value] : scenario) text += fmt::format("{}{}={}", text.empty() ? "" : ", ", axis, value);
  return text.empty() ? "run" : text;
}

CampaignPrinter::CampaignPrinter(const CampaignSpec& spec, bool quiet)
    : spec_(spec), quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0), began_(std::chrono::steady_clock::now()) {}

void CampaignPrinter::planned(const CampaignProgress& progress) {
  progress_ = progress;
  if (quiet_) return;
  const std::string earlier = progress.done > 0 ? fmt::format(", {} of them done before", progress.done) : "";
  line(fmt::format("{}: {} scenarios, {} times each: {} runs{}{}", spec_.name, spec_.cells.size(), spec_.repetitions,
                   progress.runs, earlier, left_text(progress)));
}

void CampaignPrinter::hook(std::string_view name, const Scenario& scenario) {
  draw(fmt::format("{}: {}", scenario_text(scenario), name));
}

void CampaignPrinter::run_started(const CampaignStep& step, const Scenario& scenario, std::uint32_t attempt,
                                  const CampaignProgress& progress) {
  progress_ = progress;
  current_ = spec_.repetitions > 1 ? fmt::format("{}, repetition {}", scenario_text(scenario), step.repetition)
                                   : scenario_text(scenario);
  if (attempt > 1) current_ += fmt::format(", attempt {}", attempt);
  draw(current_);
}

void CampaignPrinter::run_finished(const CampaignStep&, const CampaignRun& run, const CampaignProgress& progress) {
  progress_ = progress;
  if (run.outcome != Outcome::complete) {
    line(fmt::format("{}: {}: {}", current_, to_string(run.outcome), run.reason));
  } else if (!terminal_ && !quiet_) {
    line(fmt::format("{}/{}: {}: complete in {}{}", progress.done, progress.runs, current_, duration_text(run.elapsed),
                     left_text(progress)));
  }
  draw(current_);
}

void CampaignPrinter::retrying(nanoseconds pause) {
  if (!quiet_) line(fmt::format("{}: again in {}", current_, duration_text(pause)));
}

void CampaignPrinter::warning(const std::string& text) {
  if (warned_.size() < kMostWarnings && warned_.insert(text).second) line("warning: " + text);
}

void CampaignPrinter::summary(const CampaignSummary& summary) {
  const std::string file = spec_.output.string();
  const bool whole = summary.complete == summary.runs;
  if (quiet_ && whole) return;
  std::string counts = fmt::format("{} of {} runs complete", summary.complete, summary.runs);
  if (summary.partial > 0) counts += fmt::format(", {} partial", summary.partial);
  if (summary.failed > 0) counts += fmt::format(", {} failed", summary.failed);
  if (summary.missing() > 0) counts += fmt::format(", {} still to be made", summary.missing());
  line(fmt::format("{}: {}; took {}", file, counts, duration_text(std::chrono::steady_clock::now() - began_)));
  if (!summary.stopped.empty()) line(fmt::format("{}; --resume goes on", summary.stopped));
  if (summary.stopped.empty() && !whole) line("--resume --retry-failed makes the others again");
  const auto sides = std::ranges::find_if(spec_.axes, [](const auto& axis) { return axis.second.size() > 1; });
  if (whole && sides != spec_.axes.end())
    line(fmt::format("paceline-decode compare {} --axis {} --baseline {} --candidate {}", file, sides->first,
                     sides->second[0], sides->second[1]));
}

void CampaignPrinter::draw(const std::string& doing) {
  if (!terminal_ || quiet_) return;
  const std::string given_up = progress_.given_up > 0 ? fmt::format(", {} given up", progress_.given_up) : "";
  std::string text =
      fmt::format("{}/{}{}{}: {}", progress_.done, progress_.runs, given_up, left_text(progress_), doing);
  if (const std::size_t width = terminal_width(); text.size() >= width) text.resize(width - 1);
  std::cerr << "\r\033[K" << text << std::flush;
  drawn_ = true;
}

void CampaignPrinter::erase() {
  if (std::exchange(drawn_, false)) std::cerr << "\r\033[K" << std::flush;
}

void CampaignPrinter::line(const std::string& text) {
  erase();
  std::cerr << text << (text.ends_with('\n') ? "" : "\n") << std::flush;
}

}  // namespace paceline::sender
