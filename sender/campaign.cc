// SPDX-License-Identifier: MIT
#include "paceline/campaign.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <variant>

#include "paceline/error.h"
#include "sender/campaign_hooks.h"
#include "sender/duration_text.h"
#include "sender/run_limit.h"
#include "sender/runs_file.h"
#include "sender/utc_now.h"
#include "sender/validate_run.h"

namespace paceline {

namespace {

using sender::RunSoFar;
using sender::RunsSoFar;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kBeyondFlows(60);  // a run's default limit

std::string text_of(const Scenario& scenario) {
  std::string text;
  for (const auto& [axis, value] : scenario) text += (text.empty() ? "" : ", ") + axis + "=" + value;
  return text.empty() ? "its only scenario" : text;
}

void validate(const CampaignSpec& spec) {
  if (spec.cells.empty() || spec.cells.size() > CampaignSpec::kMaxCells)
    throw UsageError(
        fmt::format("a campaign has 1 to {} scenarios, not {}", CampaignSpec::kMaxCells, spec.cells.size()));
  if (spec.repetitions == 0 || spec.repetitions > CampaignSpec::kMaxRepetitions)
    throw UsageError(
        fmt::format("repetitions is {}: it must be 1 to {}", spec.repetitions, CampaignSpec::kMaxRepetitions));
  if (spec.cells.size() * std::uint64_t{spec.repetitions} > CampaignSpec::kMaxRuns)
    throw UsageError(fmt::format("{} scenarios, {} times each, are more than {} runs", spec.cells.size(),
                                 spec.repetitions, CampaignSpec::kMaxRuns));
  std::set<Scenario> scenarios;
  for (const CampaignCell& cell : spec.cells) {
    if (!scenarios.insert(cell.scenario).second)
      throw UsageError("a scenario is there twice: " + text_of(cell.scenario));
    try {
      sender::validate_run(cell.run);
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("{}: {}", text_of(cell.scenario), error.what()));
    }
  }
}

RunSoFar so_far(const RunsSoFar& runs, const CampaignStep& step) {
  const auto found = runs.find({step.cell, step.repetition});
  return found == runs.end() ? RunSoFar{} : found->second;
}

/// Attempts that a run may still have, after those that there were in earlier sessions.
std::uint32_t attempts_left(const CampaignSpec& spec, const RunSoFar& run) {
  if (run.attempts > 0 && run.best == Outcome::complete) return 0;
  const std::uint32_t allowed = 1 + spec.retries;
  if (spec.retry_failed) return allowed;
  if (run.attempts < allowed) return allowed - run.attempts;
  return run.stopped ? 1 : 0;
}

/// What the runs of this session took beyond their flows leads to expect of those that are left.
class TimeLeft {
 public:
  void expect(nanoseconds flows) { flows_ += flows, ++runs_; }
  void over(nanoseconds flows) { flows_ -= flows, --runs_; }
  void took(nanoseconds elapsed, nanoseconds flows) { beyond_ += elapsed - flows, ++taken_; }
  void gap(nanoseconds gap) { gap_ = gap; }

  nanoseconds left() const {
    const nanoseconds each = taken_ > 0 ? beyond_ / taken_ : gap_;
    return std::max(nanoseconds{0}, flows_ + each * runs_);
  }

 private:
  nanoseconds flows_{0};
  std::int64_t runs_ = 0;
  nanoseconds beyond_{0};
  std::int64_t taken_ = 0;
  nanoseconds gap_{0};
};

/// The name of a run's record file: FILE-scenario-repetition-attempt.EXTENSION.
std::filesystem::path record_of(const std::filesystem::path& file, const CampaignStep& step, std::uint32_t attempt) {
  return file.parent_path() / fmt::format("{}-{}-{}-{}{}", file.stem().string(), step.cell + 1, step.repetition,
                                          attempt, file.extension().string());
}

std::string why_incomplete(const RunResult& result) {
  for (std::size_t i = 0; i < result.flows.size(); ++i) {
    const std::string& why =
        std::visit([](const auto& flow) -> const std::string& { return flow.incomplete_reason; }, result.flows[i]);
    if (!is_complete(result.flows[i])) return result.flows.size() > 1 ? fmt::format("flow {}: {}", i + 1, why) : why;
  }
  return "no flow has a result";
}

class Campaign {
 public:
  Campaign(const CampaignSpec& spec, CampaignObserver& observer, const std::stop_token& stop)
      : spec_(spec), observer_(observer), stop_(stop), file_(spec), hooks_(spec, observer) {}

  CampaignSummary run() {
    const RunsSoFar& before = file_.so_far().runs;
    for (const std::string& warning : file_.so_far().warnings) observer_.warning(warning);
    const std::vector<CampaignStep> steps = plan(before);
    observer_.planned(progress_);
    begun_ = Clock::now();
    try {
      for (std::size_t i = 0; i < steps.size() && !stop_.stop_requested(); ++i) {
        if (i > 0 && !sender::sleep_for(spec_.gap, stop_)) break;
        make(steps[i], so_far(before, steps[i]));
      }
      hooks_.leave();
      if (stop_.stop_requested() && progress_.done < progress_.runs) summary_.stopped = sender::kStopped;
    } catch (const FileError& error) {
      hooks_.leave();
      summary_.stopped = error.what();
    }
    return summary_;
  }

 private:
  /// Counts what earlier sessions did; the rest is to be done.
  std::vector<CampaignStep> plan(const RunsSoFar& before) {
    std::vector<CampaignStep> left;
    times_.gap(spec_.gap);
    for (const CampaignStep& step : steps_of(spec_)) {
      ++progress_.runs;
      const RunSoFar run = so_far(before, step);
      if (attempts_left(spec_, run) == 0) {
        settle(run.best);
      } else {
        times_.expect(time_of(spec_.cells[step.cell].run));
        left.push_back(step);
      }
    }
    summary_.runs = progress_.runs;
    progress_.left = times_.left();
    return left;
  }

  void settle(Outcome outcome) {
    ++progress_.done;
    if (outcome != Outcome::complete) ++progress_.given_up;
    if (outcome == Outcome::complete) ++summary_.complete;
    if (outcome == Outcome::partial) ++summary_.partial;
    if (outcome == Outcome::failed) ++summary_.failed;
  }

  /// Makes a run, in as many attempts as it may have.
  void make(const CampaignStep& step, const RunSoFar& before) {
    const std::uint32_t last = before.attempts + attempts_left(spec_, before);
    Outcome best = before.attempts > 0 ? before.best : Outcome::failed;
    for (std::uint32_t number = before.attempts + 1; number <= last; ++number) {
      file_.reserve();
      const std::optional<CampaignRun> run = attempt(step, number);
      if (!run) return;
      file_.append(render_runs_line(*run));
      best = std::min(best, run->outcome);
      const bool over = run->outcome == Outcome::complete || number == last;
      if (over && run->reason != sender::kStopped) settle(best);
      account(step, *run, over);
      observer_.run_finished(step, *run, progress_);
      if (over || stop_.stop_requested()) return;
      observer_.retrying(spec_.retry_pause);
      if (!sender::sleep_for(spec_.retry_pause, stop_)) return;
    }
  }

  void account(const CampaignStep& step, const CampaignRun& run, bool over) {
    const nanoseconds flows = time_of(spec_.cells[step.cell].run);
    if (run.outcome == Outcome::complete) times_.took(run.elapsed, flows);
    if (over) times_.over(flows);
    progress_.left = times_.left();
  }

  /// Nothing when a stop was requested before anything was measured.
  std::optional<CampaignRun> attempt(const CampaignStep& step, std::uint32_t number) {
    CampaignRun run{.scenario = spec_.cells[step.cell].scenario,
                    .repetition = step.repetition,
                    .attempt = number,
                    .started_at = sender::utc_now(),
                    .reason = {},
                    .result = {}};
    sender::HookMoment moment{step.cell, step.repetition, number, {}, {}};
    observer_.run_started(step, run.scenario, number, progress_);
    try {
      hooks_.enter(moment, stop_);
      try {
        hooks_.before_run(moment, stop_);
        measure(step, run);
      } catch (const std::runtime_error& error) {
        fail(run, error.what());
      } catch (const UsageError& error) {
        fail(run, error.what());
      }
      moment.outcome = to_string(run.outcome);
      hooks_.after_run(moment);
    } catch (const SetupError& error) {
      fail(run, error.what());
    }
    const auto now = Clock::now();
    run.elapsed = now - begun_;
    begun_ = now;
    if (stop_.stop_requested() && !run.result) return std::nullopt;
    return run;
  }

  void measure(const CampaignStep& step, CampaignRun& run) {
    RunSpec spec = spec_.cells[step.cell].run;
    if (!spec.record.empty()) spec.record = record_of(spec.record, step, run.attempt);
    const nanoseconds most = spec_.run_limit > nanoseconds{0} ? spec_.run_limit : time_of(spec) + kBeyondFlows;
    const sender::RunLimit limit(most, stop_);
    try {
      run.result =
          spec_.runner ? spec_.runner(spec, observer_, limit.token()) : paceline::run(spec, observer_, limit.token());
    } catch (const std::runtime_error&) {
      if (!limit.passed()) throw;
      throw SetupError(
          fmt::format("ended at its limit of {}, before anything was measured", sender::duration_text(most)));
    }
    if (run.result->complete()) return;
    run.outcome = Outcome::partial;
    run.reason = why_incomplete(*run.result);
    if (limit.passed()) run.reason = fmt::format("ended at its limit of {}", sender::duration_text(most));
    if (stop_.stop_requested()) run.reason = sender::kStopped;
  }

  static void fail(CampaignRun& run, std::string why) {
    run.outcome = Outcome::failed;
    run.reason = std::move(why);
  }

  const CampaignSpec& spec_;
  CampaignObserver& observer_;
  std::stop_token stop_;
  sender::RunsFile file_;
  sender::CampaignHooks hooks_;
  CampaignSummary summary_;
  CampaignProgress progress_;
  TimeLeft times_;
  Clock::time_point begun_;  // of what is accounted to the next run
};

}  // namespace

std::vector<CampaignStep> steps_left(const CampaignSpec& spec) {
  validate(spec);
  std::vector<CampaignStep> steps = steps_of(spec);
  if (!spec.resume) return steps;
  const RunsSoFar before = sender::read_runs_so_far(spec).runs;
  std::erase_if(steps, [&](const CampaignStep& step) { return attempts_left(spec, so_far(before, step)) == 0; });
  return steps;
}

CampaignSummary run_campaign(const CampaignSpec& spec, CampaignObserver& observer, const std::stop_token& stop) {
  validate(spec);
  return Campaign(spec, observer, stop).run();
}

}  // namespace paceline
