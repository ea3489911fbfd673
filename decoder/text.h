// SPDX-License-Identifier: MIT
//
// What the text of all kinds of flow is made of. Lines have at most 110 columns.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "paceline/decoder.h"

namespace paceline::decoder::text {

/// What a peer sent, without what could steer a terminal.
std::string shown(const std::string& text);
/// The same, for what may be missing.
std::string known(const std::string& text);

/// By default four significant digits: at least as many as the histograms hold.
std::string time(double ns, int digits = 4);
std::string time(std::int64_t ns, int digits = 4);
std::string time(nanoseconds ns, int digits = 4);
std::string bitrate(double bps);
std::string bytes(std::uint64_t count);
std::string protocol(Transport transport);
std::string percent(double part, double whole);
/// Achieved of what was asked; "-" when nothing was asked, or nothing achieved.
std::string share(double achieved, double asked);

std::string span(nanoseconds start, nanoseconds end, bool last, bool omitted);
/// A row's ends, in seconds; in brackets for one of the warm-up. The last one's end was measured rather than asked for:
/// hundredths are enough, unless that would leave nothing of it.
template <class Interval>
std::string span(const Interval& interval) {
  return span(interval.start, interval.end, interval.last, interval.omitted);
}

/// The summary of one flow, as it grows.
class Lines {
 public:
  explicit Lines(const TextOptions& options) : options_(options) {}

  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  std::string coloured(const char* code, const std::string& text) const;

  void title(const std::string& text);
  void partial(bool complete, const std::string& reason);
  void path(const PathResult& path);
  /// To a kernel that answers and tells nothing.
  void path_to_kernel(const PathResult& path);
  /// The heads of a table of distributions, and one of its rows; `end` is put behind the columns.
  void heads(const std::string& what, const char* end = "");
  void times(const std::string& name, const Distribution& ns, const std::string& end = "");
  void bitrates(const std::string& name, const Distribution& bps);
  void cpu(const char* end, const CpuTime& cpu, std::uint64_t bytes);
  void clock(const ClockResult& clock);

  std::string take() { return std::move(text_); }

 private:
  const TextOptions& options_;
  std::string text_;
};

/// The kinds of flow, render_text_*.cc. `name`: "Flow 1".
std::string render(const std::string& name, const PacketFlowResult& flow, const TextOptions& options);
std::string render(const std::string& name, const TcpFlowResult& flow, const TextOptions& options);
std::string render(const std::string& name, const ConnectionFlowResult& flow, const TextOptions& options);

/// Many UDP flows: their sum, and which of them stand out. Precondition: at least one.
struct NumberedFlow {
  std::size_t number = 0;  ///< from 1
  const PacketFlowResult* flow = nullptr;
};
std::string render(const std::vector<NumberedFlow>& flows, const TextOptions& options);

std::string header(const PacketFlowSpec& spec);
std::string header(const TcpFlowSpec& spec);
std::string header(const ConnectionFlowSpec& spec);

}  // namespace paceline::decoder::text
