// SPDX-License-Identifier: MIT
#include "sender/live_output.h"

#include <iostream>
#include <variant>

#include "paceline/decoder.h"

namespace paceline::sender {

LiveOutput::LiveOutput(const RunSpec& run, bool colour)
    : run_(run), colour_(colour), notices_(run), view_(run.flows), picture_(colour) {}

void LiveOutput::waiting(std::uint16_t port) {
  picture_.erase();
  notices_.waiting(port);
}

void LiveOutput::connected(const std::string& address) {
  picture_.erase();
  notices_.connected(address);
}

void LiveOutput::path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) {
  picture_.erase();
  notices_.path_confirmed(flow, path, stamping);
  if (++paths_ == run_.flows.size()) started_ = std::chrono::steady_clock::now();
}

void LiveOutput::interval(std::size_t flow, const PacketInterval& interval) { take(flow, interval); }
void LiveOutput::interval(std::size_t flow, const TcpInterval& interval) { take(flow, interval); }
void LiveOutput::interval(std::size_t flow, const ConnectionInterval& interval) { take(flow, interval); }

void LiveOutput::record(std::size_t flow, const std::filesystem::path& file, std::uint64_t bytes, std::uint64_t of) {
  picture_.erase();
  notices_.record(flow, file, bytes, of);
}

void LiveOutput::warning(const std::string& text) {
  picture_.erase();
  notices_.warning(text);
}

void LiveOutput::finish(const RunResult& result) {
  picture_.erase();
  over_ = true;
  std::cout << render_text(result, {.colour = colour_}) << std::flush;
}

void LiveOutput::show() {
  if (over_ || !started_ || !picture_.due()) return;
  decoder::Screen screen = picture_.screen();
  screen.elapsed = std::chrono::duration_cast<nanoseconds>(std::chrono::steady_clock::now() - *started_);
  picture_.draw(view_.frame(screen));
}

template <class Interval>
void LiveOutput::take(std::size_t flow, const Interval& interval) {
  const nanoseconds delay = std::visit([](const auto& spec) { return spec.delay; }, run_.flows[flow]);
  const Time began = std::chrono::steady_clock::now() - (delay + interval.end);
  if (!interval.last && (!started_ || began < *started_)) started_ = began;
  view_.interval(flow, interval);
}

}  // namespace paceline::sender
