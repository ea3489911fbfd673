// SPDX-License-Identifier: MIT
#include "sender/printer.h"

#include <iostream>
#include <utility>

#include "sender/data_output.h"
#include "sender/hlog_output.h"
#include "sender/live_output.h"
#include "sender/notices.h"
#include "sender/report_output.h"
#include "sender/result_file.h"
#include "sender/text_output.h"

namespace paceline::sender {

namespace {

using Outputs = std::vector<std::unique_ptr<Output>>;

bool wants_colour(const Options& options) { return options.output.empty() && decoder::wants_colour(); }

Outputs console(const Options& options, std::ostream& out) {
  Outputs outputs;
  const bool text = options.format == Format::text;
  if (text && options.output.empty() && !options.plain && decoder::can_redraw()) {
    outputs.push_back(std::make_unique<LiveOutput>(options.run, wants_colour(options)));
    return outputs;
  }
  outputs.push_back(std::make_unique<Notices>(options.run));
  if (text)
    outputs.push_back(std::make_unique<TextOutput>(options.run, out, wants_colour(options)));
  else
    outputs.push_back(std::make_unique<DataOutput>(options.format, options.run, out));
  return outputs;
}

Outputs files(const Options& options) {
  Outputs outputs;
  if (!options.hlog.empty()) outputs.push_back(std::make_unique<HlogOutput>(options.run, options.hlog));
  if (!options.report.empty()) outputs.push_back(std::make_unique<ReportOutput>(options.report));
  return outputs;
}

}  // namespace

Printer::Printer(const Options& options)
    : out_(options.output.empty() ? std::cout : file_),
      out_name_(options.output.empty() ? "standard output" : options.output) {
  Outputs beside = files(options);
  if (!options.output.empty()) file_ = open_result_file(options.output);
  lanes_.push_back(std::make_unique<OutputLane>(out_name_, console(options, out_)));
  if (!beside.empty()) lanes_.push_back(std::make_unique<OutputLane>("files", std::move(beside)));
}

void Printer::waiting(std::uint16_t port) {
  for (const auto& lane : lanes_) lane->waiting(port);
}
void Printer::connected(const std::string& address) {
  for (const auto& lane : lanes_) lane->connected(address);
}
void Printer::path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) {
  for (const auto& lane : lanes_) lane->path_confirmed(flow, path, stamping);
}
void Printer::interval(std::size_t flow, const PacketInterval& interval) {
  for (const auto& lane : lanes_) lane->interval(flow, interval);
}
void Printer::interval(std::size_t flow, const TcpInterval& interval) {
  for (const auto& lane : lanes_) lane->interval(flow, interval);
}
void Printer::interval(std::size_t flow, const ConnectionInterval& interval) {
  for (const auto& lane : lanes_) lane->interval(flow, interval);
}
void Printer::record(std::size_t flow, const std::filesystem::path& file, std::uint64_t bytes, std::uint64_t of) {
  for (const auto& lane : lanes_) lane->record(flow, file, bytes, of);
}
void Printer::warning(const std::string& text) {
  for (const auto& lane : lanes_) lane->warning(text);
}

void Printer::summary(const RunResult& result) {
  for (const auto& lane : lanes_) lane->finish(result);
}

bool Printer::close() {
  bool all = true;
  for (const auto& lane : lanes_) {
    lane->close();
    for (const std::string& note : lane->notes()) std::cerr << "warning: " << note << '\n';
    for (const std::string& why : lane->trouble()) {
      std::cerr << "paceline-send: " << why << '\n';
      all = false;
    }
  }
  out_.flush();
  if (out_) return all;
  std::cerr << "paceline-send: write " << out_name_ << ": not all of the results could be written\n";
  return false;
}

}  // namespace paceline::sender
