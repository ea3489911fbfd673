// SPDX-License-Identifier: MIT
//
// Campaigns: every combination of some axes' values, measured again and again, each finished run safe on disk.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paceline/runs.h"
#include "paceline/sender.h"

namespace paceline {

/// In which order a campaign's runs are made.
enum class CampaignOrder {
  interleaved,  ///< every scenario once, then every scenario again: drift of the machine hits all alike
  random,       ///< likewise, each time in another order, which follows from the seed
  sequential,   ///< all repetitions of a scenario, then the next one's
};

constexpr std::string_view to_string(CampaignOrder order) {
  switch (order) {
    case CampaignOrder::interleaved: return "interleaved";
    case CampaignOrder::random: return "random";
    case CampaignOrder::sequential: return "sequential";
  }
  return "interleaved";
}

/// Which run of a campaign.
struct CampaignStep {
  std::size_t cell = 0;          ///< its scenario's index in CampaignSpec::cells
  std::uint32_t repetition = 1;  ///< from 1

  bool operator==(const CampaignStep&) const = default;
};

/// Done beside the runs: what sets a scenario up, say. Neither of both: nothing is done.
struct CampaignHook {
  std::vector<std::string> command{};  ///< a program and its arguments, with CampaignSpec::folder as its working
                                       ///< directory and the axes in its environment (sender/README.md). It fails with
                                       ///< an exit code that is not 0
  std::function<void(const Scenario&, std::uint32_t repetition)> call{};  ///< on the caller's thread; throws to fail

  explicit operator bool() const { return !command.empty() || call; }
};

/// A scenario and what it measures.
struct CampaignCell {
  Scenario scenario;  ///< a value of each axis, in the axes' order
  RunSpec run;
};

struct CampaignSpec {
  std::string name;
  std::vector<std::pair<std::string, std::vector<std::string>>> axes;
  std::vector<CampaignCell> cells;  ///< 1 to kMaxCells, no scenario twice
  std::uint32_t repetitions = 1;    ///< 1 to kMaxRepetitions
  CampaignOrder order = CampaignOrder::interleaved;
  std::uint64_t seed = 1;  ///< of a random order

  nanoseconds gap{0};         ///< between runs
  std::uint32_t retries = 0;  ///< more attempts at a run that is not complete
  nanoseconds retry_pause = std::chrono::seconds(5);
  nanoseconds run_limit{0};  ///< a run that takes longer is ended; 0: 60 s more than its flows

  CampaignHook before_scenario;  ///< when the run before was of another scenario, or could not be cleaned up after
  CampaignHook before_run;
  CampaignHook after_run;  ///< whatever became of the run
  CampaignHook after_scenario;
  nanoseconds hook_limit = std::chrono::seconds(60);  ///< a command that takes longer is killed, its children too
  std::filesystem::path folder;                       ///< of the hooks' commands; empty: the process's own

  std::string fingerprint;  ///< of all that decides what a run measures, "part:hash ..."; read_campaign() fills it in

  std::filesystem::path output = "runs.ndjson";
  bool resume = false;        ///< go on with `output` where it ends; begin it if it is not there
  bool retry_failed = false;  ///< with resume: runs that were given up get as many attempts again

  /// Makes a run; empty: paceline::run. Elsewhere: run_remotely.
  std::function<RunResult(const RunSpec&, RunObserver&, const std::stop_token&)> runner;

  static constexpr std::size_t kMaxCells = 10'000;
  static constexpr std::uint32_t kMaxRepetitions = 100'000;
  static constexpr std::uint64_t kMaxRuns = 10'000'000;
};

/// How far a campaign has come.
struct CampaignProgress {
  std::uint64_t runs = 0;      ///< of the whole campaign
  std::uint64_t done = 0;      ///< of these: complete, or given up; earlier sessions' are counted
  std::uint64_t given_up = 0;  ///< of those: no attempt was complete
  nanoseconds left{0};         ///< that the others will take, as those of this session took
};

/// Told of a campaign's progress, and of its runs', on the thread that called run_campaign(), one call at a time. Must
/// not throw.
class CampaignObserver : public RunObserver {
 public:
  /// Before the first run.
  virtual void planned(const CampaignProgress& progress) { (void)progress; }
  /// "before_run" and the like; only of hooks that there are.
  virtual void hook(std::string_view name, const Scenario& scenario) { (void)name, (void)scenario; }
  virtual void run_started(const CampaignStep& step, const Scenario& scenario, std::uint32_t attempt,
                           const CampaignProgress& progress) {
    (void)step, (void)scenario, (void)attempt, (void)progress;
  }
  /// It is on disk by now.
  virtual void run_finished(const CampaignStep& step, const CampaignRun& run, const CampaignProgress& progress) {
    (void)step, (void)run, (void)progress;
  }
  /// Another attempt follows after a pause.
  virtual void retrying(nanoseconds pause) { (void)pause; }
};

/// What became of a campaign's runs, each counted by its best attempt, earlier sessions' included.
struct CampaignSummary {
  std::uint64_t runs = 0;
  std::uint64_t complete = 0;
  std::uint64_t partial = 0;
  std::uint64_t failed = 0;
  std::string stopped;  ///< why before its end: on request, a full disk; empty if not

  std::uint64_t missing() const { return runs - complete - partial - failed; }
};

/// The campaign of a TOML file; sender/README.md has its keys. Throws UsageError, with file, line and column, for what
/// is not known (with what was probably meant), of another type, or out of range, in any scenario.
CampaignSpec read_campaign(const std::filesystem::path& file);

/// All its runs in their order, done or not.
std::vector<CampaignStep> steps_of(const CampaignSpec& spec);
/// Those that are still to be made: with CampaignSpec::resume what the file lacks. Changes nothing. Throws as
/// run_campaign().
std::vector<CampaignStep> steps_left(const CampaignSpec& spec);

/// How long the run's flows take, delays and warm-ups included, if nothing ends them early.
nanoseconds time_of(const RunSpec& run);

/// Makes the runs and appends each to CampaignSpec::output, which is locked meanwhile, as soon as it is over, and syncs
/// it. Blocks. A stop request ends the run under way, keeps what it measured as partial, runs the hooks that clean up,
/// and returns. What a run or a hook fails of is recorded, and the campaign goes on. Throws UsageError for a
/// specification that makes no sense, a file that is there without `resume`, and one of another campaign with it;
/// FileError for one that cannot be used, or is in use by another campaign.
CampaignSummary run_campaign(const CampaignSpec& spec, CampaignObserver& observer, const std::stop_token& stop = {});

}  // namespace paceline
