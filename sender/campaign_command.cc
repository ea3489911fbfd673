// SPDX-License-Identifier: MIT
#include "sender/campaign_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <iostream>

#include "decoder/objectives.h"
#include "paceline/error.h"
#include "sender/campaign_printer.h"
#include "sender/duration_text.h"

namespace paceline::sender {

namespace {

enum Exit { kComplete = 0, kNothingMeasured = 1, kUsage = 2, kPartial = 3, kObjectiveMissed = 4 };

/// Tells of runs that did not meet what was required of them, and keeps it in mind.
class Judge : public CampaignPrinter {
 public:
  Judge(const CampaignSpec& spec, const Options& options)
      : CampaignPrinter(spec, options.campaign->quiet), slices_count_(options.require_objectives) {}

  void run_finished(const CampaignStep& step, const CampaignRun& run, const CampaignProgress& progress) override {
    CampaignPrinter::run_finished(step, run, progress);
    if (run.outcome != Outcome::complete) return;
    const bool slices = std::ranges::all_of(run.result->slices, [](const auto& slice) { return slice.met(); });
    const bool required = std::ranges::all_of(run.result->requirements, &ObjectiveResult::met);
    if ((slices || !slices_count_) && required) return;
    ++missed_;
  }
  std::uint64_t missed() const { return missed_; }

 private:
  bool slices_count_;
  std::uint64_t missed_ = 0;
};

int list(const CampaignSpec& spec) {
  const std::vector<CampaignStep> steps = steps_left(spec);
  nanoseconds whole{0};
  std::size_t number = 0;
  for (const CampaignStep& step : steps) {
    const CampaignCell& cell = spec.cells[step.cell];
    whole += time_of(cell.run) + (number > 0 ? spec.gap : nanoseconds{0});
    std::cout << fmt::format("{:>{}}  {}, repetition {}\n", ++number, std::to_string(steps.size()).size(),
                             scenario_text(cell.scenario), step.repetition);
  }
  std::cout << fmt::format("{} runs, {} of flows and gaps; what hooks and retries take comes on top\n", steps.size(),
                           duration_text(whole));
  std::cout.flush();
  return std::cout ? kComplete : kNothingMeasured;
}

int exit_code(const CampaignSummary& summary, bool met) {
  if (summary.complete == summary.runs) return met ? kComplete : kObjectiveMissed;
  return summary.complete + summary.partial == 0 && summary.stopped.empty() ? kNothingMeasured : kPartial;
}

int make(const Options& options, const std::stop_token& stop) {
  CampaignSpec spec = options.campaign->spec;
  spec.runner = [&](const RunSpec& run, RunObserver& observer, const std::stop_token& run_stop) {
    RunResult result = options.remote ? run_remotely(options.remote->at, options.remote->key, run, observer, run_stop)
                                      : paceline::run(run, observer, run_stop);
    result.requirements = decoder::judge(options.requirements, result.flows);
    return result;
  };
  Judge printer(spec, options);
  const CampaignSummary summary = run_campaign(spec, printer, stop);
  printer.summary(summary);
  if (printer.missed() > 0)
    std::cerr << fmt::format("{} of the runs made now missed what was required of them\n", printer.missed());
  return exit_code(summary, printer.missed() == 0);
}

}  // namespace

int run_campaign_command(const Options& options, const std::stop_token& stop) {
  try {
    return options.campaign->dry_run ? list(options.campaign->spec) : make(options, stop);
  } catch (const UsageError& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    return kUsage;
  } catch (const std::exception& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    return kNothingMeasured;
  }
}

}  // namespace paceline::sender
