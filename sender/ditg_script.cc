// SPDX-License-Identifier: MIT
#include "sender/ditg_script.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "paceline/error.h"
#include "sender/ditg_flow.h"

namespace paceline::sender {

namespace {

class Script {
 public:
  explicit Script(std::string_view name) : name_(name) { script_.run.flows.clear(); }

  void line(std::string_view text) {
    DitgWords words(text, name_, ++lines_);
    if (!words.more()) return;
    if (script_.run.flows.size() == RunSpec::kMaxFlows)
      words.fail("is the flow beyond " + std::to_string(RunSpec::kMaxFlows) + ", the most that a run can have");
    add(ditg_flow(words, notes_), words);
  }

  DitgRun finish() {
    if (script_.run.flows.empty()) throw UsageError(name_ + ": has no flows");
    script_.notes = notes_.take(name_);
    return std::move(script_);
  }

 private:
  void add(DitgFlow flow, const DitgWords& words) {
    RunSpec& run = script_.run;
    const std::size_t index = run.flows.size();
    if (index == 0) {
      run.receiver = flow.receiver;
      if (flow.passive) run.listen = flow.receiver.port;
    }
    if (flow.passive != run.listen.has_value())
      words.fail("-H: either all lines have it, or none: a run dials its receivers, or is dialled by one");
    if (flow.receiver != run.receiver) {
      if (flow.passive) words.fail("-H: one receiver dials in, and lines above name another");
      run.elsewhere[index] = {flow.receiver, std::nullopt};
    }
    run.flows.emplace_back(std::move(flow.spec));
  }

  std::string name_;
  std::size_t lines_ = 0;
  DitgRun script_;
  DitgNotes notes_;
};

}  // namespace

DitgRun parse_ditg_script(std::string_view script, std::string_view name) {
  Script read(name);
  for (bool more = !script.empty(); more;) {
    const auto end = script.find('\n');
    read.line(script.substr(0, end));
    more = end != std::string_view::npos;
    if (more) script.remove_prefix(end + 1);
  }
  return read.finish();
}

DitgRun read_ditg_script(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string script{std::istreambuf_iterator<char>(stream), {}};
  if (!stream && script.empty())
    throw UsageError(file.string() + ": cannot be read: " + std::strerror(errno == 0 ? EIO : errno));
  return parse_ditg_script(script, file.string());
}

}  // namespace paceline::sender
