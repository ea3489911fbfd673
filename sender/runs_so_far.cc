// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "paceline/error.h"
#include "sender/runs_file.h"

namespace paceline::sender {

namespace {

using json = nlohmann::ordered_json;  // axes have an order

/// A line that is not as it was written.
class BadLine : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Null is no text.
std::string text(const json& line, const char* name) {
  const json& value = line.at(name);
  return value.is_null() ? std::string() : value.get<std::string>();
}

/// Numbers among an axis's values are written as such.
std::string axis_value(const json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

template <class Number>
Number number(const json& line, const char* name) {
  const json& value = line.at(name);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<Number>::max())
    throw BadLine(fmt::format("\"{}\" is no whole number", name));
  return value.get<Number>();
}

CampaignHead read_head(const json& line) {
  CampaignHead head;
  head.name = text(line, "name");
  head.version = text(line, "version");
  head.started_at = text(line, "started_at");
  for (const auto& [name, values] : line.at("axes").get_ref<const json::object_t&>()) {
    auto& axis = head.axes.emplace_back(name, std::vector<std::string>());
    for (const json& value : values.get_ref<const json::array_t&>()) axis.second.push_back(axis_value(value));
  }
  head.repetitions = number<std::uint32_t>(line, "repetitions");
  head.order = text(line, "order");
  head.seed = number<std::uint64_t>(line, "seed");
  head.fingerprint = text(line, "fingerprint");
  return head;
}

/// What a line tells of an attempt, without its result.
CampaignRun read_run(const json& line) {
  CampaignRun run{};
  for (const auto& [name, value] : line.at("scenario").get_ref<const json::object_t&>())
    run.scenario.emplace_back(name, axis_value(value));
  run.repetition = number<std::uint32_t>(line, "repetition");
  run.attempt = number<std::uint32_t>(line, "attempt");
  const std::string outcome = text(line, "outcome");
  for (const Outcome one : {Outcome::complete, Outcome::partial, Outcome::failed}) {
    if (to_string(one) == outcome) run.outcome = one;
  }
  run.reason = text(line, "reason");
  return run;
}

/// Without the results, which are nearly all of a file.
json parse(const std::string& line) {
  const auto wanted = [](int depth, json::parse_event_t event, const json& value) {
    return !(depth == 1 && event == json::parse_event_t::key && value == "run");
  };
  return json::parse(line, wanted);
}

// The parts of a fingerprint that are not the same: "axes:1f settings:2e" has two.
std::string parts_that_differ(std::string_view there, std::string_view here) {
  std::string parts;
  while (!here.empty()) {
    const std::string_view part = here.substr(0, here.find(' '));
    here.remove_prefix(std::min(here.size(), part.size() + 1));
    if (fmt::format(" {} ", there).find(fmt::format(" {} ", part)) != std::string::npos) continue;
    parts += (parts.empty() ? "" : ", ") + std::string(part.substr(0, part.find(':')));
  }
  return parts;
}

/// Refuses another campaign's file, with what differs.
void require_same(const CampaignSpec& spec, const CampaignHead& there) {
  const CampaignHead here = head_of(spec);
  std::vector<std::string> differences;
  const auto compare = [&](std::string_view what, const auto& in_file, const auto& asked) {
    if (in_file != asked) differences.push_back(fmt::format("{}: {} there, {} here", what, in_file, asked));
  };
  compare("name", there.name, here.name);
  compare("repetitions", there.repetitions, here.repetitions);
  compare("order", there.order, here.order);
  if (spec.order == CampaignOrder::random) compare("seed", there.seed, here.seed);
  if (there.fingerprint != here.fingerprint)
    differences.push_back(fmt::format("its {}", parts_that_differ(there.fingerprint, here.fingerprint)));
  if (differences.empty() && there.axes == here.axes) return;
  if (differences.empty()) differences.emplace_back("its axes");
  throw UsageError(
      fmt::format("{} is of another campaign, so it cannot be resumed by this one ({} differ): give the "
                  "campaign as it was, or another --output",
                  spec.output.string(), fmt::join(differences, "; ")));
}

class Reader {
 public:
  explicit Reader(const CampaignSpec& spec) : spec_(spec) {
    for (std::size_t i = 0; i < spec.cells.size(); ++i) cells_.emplace(spec.cells[i].scenario, i);
  }

  RunsRead read() {
    std::ifstream in(spec_.output, std::ios::binary);
    if (!in && errno == ENOENT) return {};
    if (!in) throw FileError(fmt::format("cannot read {}: {}", spec_.output.string(), std::strerror(errno)));
    std::string line;
    while (std::getline(in, line) && !in.eof()) {
      ++number_;
      take(line);
      at_ += line.size() + 1;
    }
    if (damaged_from_ || !line.empty()) tell_torn(line);
    if (!damaged_from_) read_.end = at_;
    return std::move(read_);
  }

 private:
  void take(const std::string& line) {
    try {
      const json all = parse(line);
      const std::string type = text(all, "type");
      if (number_ == 1 && type != "campaign") throw FileError("it does not begin with a campaign");
      if (type == "campaign") require_same(spec_, read_head(all));
      if (type == "run") keep(read_run(all));
      damaged_from_.reset();
    } catch (const json::exception& error) {
      pass_over(error.what());
    } catch (const BadLine& error) {
      pass_over(error.what());
    } catch (const FileError& error) {
      refuse(error.what());
    }
  }

  /// The last line may be torn; one in the middle is left out, and its run made again.
  void pass_over(std::string_view why) {
    if (number_ == 1) refuse(why);
    if (damaged_from_) tell_damaged();
    damaged_from_ = at_;
    damaged_line_ = number_;
  }

  void keep(const CampaignRun& run) {
    if (damaged_from_) tell_damaged();
    const auto cell = cells_.find(run.scenario);
    if (cell == cells_.end()) return;
    RunSoFar& known = read_.runs[{cell->second, run.repetition}];
    known.best = known.attempts == 0 ? run.outcome : std::min(known.best, run.outcome);
    known.attempts = std::max(known.attempts, run.attempt);
    known.stopped = run.reason == kStopped;
  }

  void tell_damaged() {
    read_.warnings.push_back(
        fmt::format("{}:{}: the line cannot be read: its run is made again", spec_.output.string(), damaged_line_));
  }

  void tell_torn(const std::string& rest) {
    if (damaged_from_) read_.end = *damaged_from_;
    const std::uint64_t torn = damaged_from_ ? at_ + rest.size() - *damaged_from_ : rest.size();
    read_.warnings.push_back(fmt::format("{}: the last line is torn: {} bytes are cut off, and its run is made again",
                                         spec_.output.string(), torn));
  }

  [[noreturn]] void refuse(std::string_view why) const {
    throw FileError(fmt::format("{} is no file of a campaign's runs: {}", spec_.output.string(), why));
  }

  const CampaignSpec& spec_;
  std::map<Scenario, std::size_t> cells_;
  RunsRead read_;
  std::uintmax_t at_ = 0;
  std::size_t number_ = 0;
  std::optional<std::uintmax_t> damaged_from_;  // a line that could not be read, while no other has followed
  std::size_t damaged_line_ = 0;
};

}  // namespace

RunsRead read_runs_so_far(const CampaignSpec& spec) { return Reader(spec).read(); }

}  // namespace paceline::sender
