// SPDX-License-Identifier: MIT
#include "sender/hlog_output.h"

#include <fmt/format.h>

#include <chrono>
#include <variant>

#include "sender/result_file.h"

namespace paceline::sender {

HlogOutput::HlogOutput(const RunSpec& run, const std::string& file)
    : run_(run), file_(file), out_(open_result_file(file)), log_(std::chrono::system_clock::now()) {
  out_ << log_.header();
}

std::string HlogOutput::note() const {
  if (log_.negative() == 0) return "";
  return fmt::format("{}: {} values are below 0, which its histograms cannot hold; its comments say where", file_,
                     log_.negative());
}

std::string HlogOutput::trouble() const {
  return out_.good() ? "" : "write " + file_ + ": not all of it could be written";
}

template <class Interval>
void HlogOutput::add(std::size_t flow, const Interval& interval) {
  const nanoseconds delay = std::visit([](const auto& spec) { return spec.delay; }, run_.flows[flow]);
  out_ << log_.lines(flow, delay, interval);
}

}  // namespace paceline::sender
