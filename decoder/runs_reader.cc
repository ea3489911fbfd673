// SPDX-License-Identifier: MIT
#include "decoder/runs_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <thread>

#include "paceline/error.h"

namespace paceline::decoder {

namespace {

using simdjson::dom::element;

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kMostWarnings = 20;

/// A file's bytes; empty files have none.
class Mapping {
 public:
  explicit Mapping(const std::filesystem::path& file) {
    const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (fd >= 0 && fstat(fd, &status) == 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      if (size_ > 0) at_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    }
    const int error = errno;
    if (fd >= 0) close(fd);
    if (fd < 0 || at_ == MAP_FAILED) throw FileError(file.string() + ": " + std::strerror(error));
  }
  ~Mapping() {
    if (at_ != nullptr) munmap(at_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::string_view text() const { return {static_cast<const char*>(at_), size_}; }

 private:
  void* at_ = nullptr;
  std::size_t size_ = 0;
};

/// A number as JSON has it, or a text: what people wrote.
std::string written(element value) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return std::string(text);
  std::int64_t whole = 0;
  if (value.get(whole) == simdjson::SUCCESS) return std::to_string(whole);
  double number = 0;
  if (value.get(number) != simdjson::SUCCESS) return simdjson::minify(value);
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, number).ptr};
}

std::string_view text_of(element json, std::string_view key) {
  std::string_view text;
  return json[key].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

std::uint64_t number_of(element json, std::string_view key) {
  std::uint64_t number = 0;
  return json[key].get(number) == simdjson::SUCCESS ? number : 0;
}

/// What lines are to be read into, and with.
struct Wanted {
  const std::vector<std::string>& axes;
  const std::vector<RunMetric>& metrics;
  std::string_view flow;
};

std::optional<Outcome> outcome_of(std::string_view text) {
  for (const Outcome outcome : {Outcome::complete, Outcome::partial, Outcome::failed}) {
    if (text == to_string(outcome)) return outcome;
  }
  return std::nullopt;
}

// nullopt when it is no run.
std::optional<RunRow> read_row(element json, const Wanted& wanted) {
  simdjson::dom::object scenario;
  const auto outcome = outcome_of(text_of(json, "outcome"));
  if (!outcome || json["scenario"].get(scenario) != simdjson::SUCCESS) return std::nullopt;
  RunRow row;
  row.outcome = *outcome;
  for (const std::string& axis : wanted.axes) {
    element value;
    row.values.push_back(scenario[axis].get(value) == simdjson::SUCCESS ? written(value) : std::string());
  }
  row.repetition = number_of(json, "repetition");
  row.attempt = number_of(json, "attempt");
  row.started_at = text_of(json, "started_at");
  row.reason = text_of(json, "reason");
  element run;
  if (row.outcome != Outcome::complete) return row;
  if (json["run"].get(run) != simdjson::SUCCESS || !run.is_object()) return std::nullopt;
  for (const RunMetric& metric : wanted.metrics) row.metrics.push_back(metric.of(run, wanted.flow));
  return row;
}

/// The rows of a part of the file that begins and ends with whole lines.
struct Part {
  std::string_view text;
  std::vector<RunRow> rows;
  std::vector<std::size_t> damaged;  // where such lines begin, in the part
};

void read_part(Part& part, const Wanted& wanted) {
  simdjson::dom::parser parser;
  for (std::size_t at = 0; at < part.text.size();) {
    const std::size_t end = std::min(part.text.find('\n', at), part.text.size());
    const std::string_view line = part.text.substr(at, end - at);
    element json;
    std::optional<RunRow> row;
    const bool blank = line.find_first_not_of(" \t\r") == std::string_view::npos;
    const bool parsed = !blank && parser.parse(line.data(), line.size()).get(json) == simdjson::SUCCESS;
    const bool head = parsed && text_of(json, "type") == "campaign";  // of files that were joined
    if (parsed && text_of(json, "type") == "run") row = read_row(json, wanted);
    if (row) part.rows.push_back(std::move(*row));
    if (!row && !head && !blank) part.damaged.push_back(at);
    at = end + 1;
  }
}

std::vector<Part> cut(std::string_view text) {
  const std::size_t parts = std::max(1U, std::thread::hardware_concurrency());
  std::vector<Part> cut;
  for (std::size_t i = 1; i <= parts && !text.empty(); ++i) {
    const std::size_t about = text.size() / (parts - i + 1);
    const std::size_t end = i == parts ? text.size() : std::min(text.find('\n', about), text.size() - 1) + 1;
    cut.push_back({text.substr(0, end), {}, {}});
    text.remove_prefix(end);
  }
  return cut;
}

// Reads the first line, and says how long it is.
std::size_t read_head(std::string_view text, const std::filesystem::path& file, RunsFile& runs) {
  const std::size_t length = std::min(text.find('\n'), text.size());
  simdjson::dom::parser parser;
  element json;
  if (text.empty() || parser.parse(text.data(), length).get(json) != simdjson::SUCCESS ||
      text_of(json, "type") != "campaign")
    throw FileError(file.string() + ": this is no runs file: its first line does not describe a campaign");
  if (const std::uint64_t format = number_of(json, "format"); format != kFormat)
    throw FileError(fmt::format("{}: its format is {}, this program reads format {}", file.string(), format, kFormat));
  runs.name = text_of(json, "name");
  simdjson::dom::object axes;
  if (json["axes"].get(axes) == simdjson::SUCCESS) {
    for (const auto axis : axes) runs.axes.emplace_back(axis.key);
  }
  return std::min(length + 1, text.size());
}

}  // namespace

RunsFile read_runs(const std::filesystem::path& file, const std::vector<RunMetric>& metrics, std::string_view flow) {
  const Mapping mapping(file);
  std::string_view text = mapping.text();
  RunsFile runs;
  text.remove_prefix(read_head(text, file, runs));
  const auto last_end = text.rfind('\n');
  const std::size_t whole = last_end == std::string_view::npos ? 0 : last_end + 1;
  if (whole < text.size())
    runs.warnings.push_back(file.string() + ": the last line is torn: its writer was killed, or is at work");

  const Wanted wanted{runs.axes, metrics, flow};
  std::vector<Part> parts = cut(text.substr(0, whole));
  {
    std::vector<std::jthread> threads;
    for (Part& part : parts) threads.emplace_back([&part, &wanted] { read_part(part, wanted); });
  }
  for (Part& part : parts) {
    std::ranges::move(part.rows, std::back_inserter(runs.rows));
    for (const std::size_t at : part.damaged) {
      const auto before = std::string_view(mapping.text().data(), part.text.data() + at);
      const auto line = std::ranges::count(before, '\n') + 1;
      if (runs.warnings.size() < kMostWarnings)
        runs.warnings.push_back(fmt::format("{}, line {}: damaged, or no run; left out", file.string(), line));
    }
  }
  return runs;
}

}  // namespace paceline::decoder
