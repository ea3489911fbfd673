// SPDX-License-Identifier: MIT
#include "decoder/live_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <span>
#include <string_view>
#include <variant>

#include "decoder/render_numbers.h"
#include "decoder/text.h"

namespace paceline::decoder {

namespace {

constexpr std::size_t kLabel = 13, kTrend = 16;

/// A column of figures; where there is little room those of the highest rank go first.
struct Column {
  std::string_view head;
  std::size_t width;
  int rank;
};
constexpr std::array<Column, 9> kPackets{{{"asked/s", 10, 3},
                                          {"packets/s", 10, 0},
                                          {"rate", 14, 4},
                                          {"lost", 8, 1},
                                          {"p50", 10, 0},
                                          {"p99", 10, 0},
                                          {"max", 10, 2},
                                          {"late", 10, 3},
                                          {"max so far", 11, 5}}};
constexpr std::array<Column, 6> kTcp{{{"asked", 14, 3},
                                      {"goodput", 14, 0},
                                      {"sent again", 11, 1},
                                      {"so far", 9, 4},
                                      {"rtt", 10, 2},
                                      {"host p99", 10, 5}}};
constexpr std::array<Column, 8> kConnections{{{"asked/s", 10, 3},
                                              {"done/s", 10, 0},
                                              {"failed", 8, 1},
                                              {"so far", 9, 4},
                                              {"connect p50", 12, 2},
                                              {"p50", 10, 0},
                                              {"p99", 10, 0},
                                              {"max", 10, 3}}};

std::span<const Column> columns(std::size_t kind) {
  if (kind == 2) return kTcp;
  if (kind == 3) return kConnections;
  return kPackets;
}
constexpr std::array<std::string_view, 4> kKinds{"packets", "round trip", "tcp", "connections"};

// Which columns there is room for beside the label.
std::vector<bool> fitting(std::span<const Column> all, std::size_t width) {
  std::vector<bool> shown(all.size(), true);
  const auto taken = [&] {
    std::size_t sum = kLabel;
    for (std::size_t i = 0; i < all.size(); ++i) sum += shown[i] ? all[i].width : 0;
    return sum;
  };
  for (int rank = 5; rank >= 0 && taken() > width; --rank) {
    for (std::size_t i = 0; i < all.size(); ++i) shown[i] = shown[i] && all[i].rank != rank;
  }
  return shown;
}

template <class Cell>
std::string table_line(const std::string& label, std::span<const Column> all, const std::vector<bool>& shown,
                       const Cell& cell) {
  std::string line = fmt::format("{:<{}.{}} ", label, kLabel - 1, kLabel - 1);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (shown[i]) line += fmt::format("{:>{}}", cell(i), all[i].width);
  }
  return line;
}

// Small bars from 0 to the largest value.
std::string sparkline(const std::deque<double>& values, bool unicode) {
  constexpr std::array<const char*, 8> kBars{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  constexpr std::string_view kAscii = "_.,-~=*#";
  const double most = values.empty() ? 0 : *std::ranges::max_element(values);
  std::string line;
  for (const double value : values) {
    const double share = most > 0 ? std::clamp(value / most, 0.0, 1.0) : 0;
    const auto step = std::min<std::size_t>(7, static_cast<std::size_t>(share * 8));
    if (unicode)
      line += kBars[step];
    else
      line += kAscii[step];
  }
  return line;
}

void add_trend(std::deque<double>& trend, double value) {
  trend.push_back(value);
  if (trend.size() > kTrend) trend.pop_front();
}

double per_second(double amount, nanoseconds span) {
  return span > nanoseconds{0} ? amount * 1e9 / static_cast<double>(span.count()) : 0;
}

std::string rate(double per_second) {
  if (per_second <= 0) return "-";
  if (per_second < 1e4) return fmt::format("{:.4g}", per_second);
  if (per_second < 1e6) return fmt::format("{:.2f}k", per_second / 1e3);
  return fmt::format("{:.3f}M", per_second / 1e6);
}

std::string delay(const Distribution& of, double q) {
  if (of.count == 0) return "-";
  return q >= 1 ? text::time(of.max) : text::time(of.quantile(q));
}

// From when a flow is due to its end, after the run's start.
template <class Spec>
nanoseconds whole(const Spec& spec) {
  return spec.delay + spec.omit + spec.duration;
}

bool may_end_early(const PacketFlowSpec& spec) { return spec.packets != 0 || spec.bytes != 0; }
bool may_end_early(const TcpFlowSpec& spec) { return spec.bytes != 0; }
bool may_end_early(const ConnectionFlowSpec&) { return false; }

std::string clock_time(nanoseconds ns) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(ns).count();
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{}:{:02} min", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02} h", seconds / 3600, seconds / 60 % 60);
}

double rate_asked(const PacketFlowSpec& spec) { return spec.rate_pps; }

}  // namespace

LiveView::LiveView(const std::vector<FlowSpec>& flows) {
  for (std::size_t i = 0; i < flows.size(); ++i) add(i, flows[i]);
}

void LiveView::add(std::size_t flow, const FlowSpec& spec) { flows_.emplace(flow, spec); }

void LiveView::remove(std::size_t flow) {
  flows_.erase(flow);
  std::erase_if(lines_, [flow](const auto& line) { return line.first.second == flow; });
}

void LiveView::interval(std::size_t flow, const PacketInterval& interval) {
  Line& line = lines_[{interval.meter == Meter::round_trip ? Kind::back : Kind::packets, flow}];
  if (interval.last) return;  // a remainder is no rate to look at
  if (!interval.omitted) {
    line.amount += interval.received.packets;
    line.missing += interval.received.lost;
  }
  const Distribution& delays = interval.statistics.segments[0];
  if (delays.count > 0) {
    line.worst = line.trend.empty() ? delays.max : std::max(line.worst, delays.max);
    add_trend(line.trend, static_cast<double>(delays.quantile(0.5)));
  }
  packets(line, interval, rate_asked(std::get<PacketFlowSpec>(flows_.at(flow))));
  line.last = interval;
}

void LiveView::packets(Line& line, const PacketInterval& interval, double asked) const {
  const Statistics& statistics = interval.statistics;
  const nanoseconds span = interval.end - interval.start;
  const Distribution& user = statistics.segments[0];
  const Distribution& due = statistics.segments[1];
  const auto lost = static_cast<double>(line.missing);
  line.cells = {rate(asked),
                rate(per_second(static_cast<double>(interval.received.packets), span)),
                text::bitrate(per_second(8 * static_cast<double>(interval.received.bytes), span)),
                text::percent(lost, lost + static_cast<double>(line.amount)),
                delay(user, 0.5),
                delay(user, 0.99),
                delay(user, 1),
                due.count > 0 && due.count == user.count ? text::time(due.mean() - user.mean()) : "-",
                user.count + line.trend.size() > 0 ? text::time(line.worst) : "-"};
}

void LiveView::interval(std::size_t flow, const TcpInterval& interval) {
  if (interval.last) return;
  Line& line = lines_[{Kind::tcp, flow}];
  const StreamInterval all = sum(interval);
  const double goodput = goodput_bps(interval, all.received);
  if (!interval.omitted) line.amount += all.retransmits;
  add_trend(line.trend, goodput);
  const double asked = std::get<TcpFlowSpec>(flows_.at(flow)).bitrate_bps;
  line.cells = {asked > 0 ? text::bitrate(asked) : "-",
                text::bitrate(goodput),
                fmt::format("{}", all.retransmits),
                fmt::format("{}", line.amount),
                all.info.smoothed_rtt > nanoseconds{0} ? text::time(all.info.smoothed_rtt) : "-",
                delay(interval.host_delay, 0.99)};
}

void LiveView::interval(std::size_t flow, const ConnectionInterval& interval) {
  if (interval.last) return;
  Line& line = lines_[{Kind::connections, flow}];
  const Exchanges& exchanges = interval.exchanges;
  if (!interval.omitted) line.missing += static_cast<std::int64_t>(exchanges.failures());
  add_trend(line.trend, static_cast<double>(exchanges.whole.quantile(0.5)));
  line.cells = {rate(std::get<ConnectionFlowSpec>(flows_.at(flow)).rate),
                rate(per_second(static_cast<double>(exchanges.completed), interval.end - interval.start)),
                fmt::format("{}", exchanges.failures()),
                fmt::format("{}", line.missing),
                delay(exchanges.connect, 0.5),
                delay(exchanges.whole, 0.5),
                delay(exchanges.whole, 0.99),
                delay(exchanges.whole, 1)};
}

std::vector<std::string> LiveView::frame(const Screen& screen) const {
  std::vector<std::string> lines{screen.headline.empty() ? progress(screen) : screen.headline.substr(0, screen.width)};
  const auto emphasized = [&](const std::string& line) { return screen.colour ? "\x1b[1m" + line + "\x1b[0m" : line; };
  const std::size_t room =
      screen.height > 2 ? screen.height - 2 : 1;  // the terminal's last line stays free, and a note
  std::size_t left_out = 0;
  for (const Kind kind : {Kind::packets, Kind::back, Kind::tcp, Kind::connections}) {
    const auto first = lines_.lower_bound({kind, 0});
    const auto end = std::ranges::find_if(first, lines_.end(), [&](const auto& of) { return of.first.first != kind; });
    if (first == end) continue;
    const auto index = static_cast<std::size_t>(kind);
    const std::span<const Column> all = columns(index);
    const std::vector<bool> shown = fitting(all, screen.width);
    const std::string head =
        table_line(std::string(kKinds[index]), all, shown, [&](std::size_t i) { return all[i].head; });
    if (lines.size() + 1 < room) lines.push_back(emphasized(head.substr(0, screen.width)));
    if (std::next(first) != end && lines.size() < room) show_sum(lines, screen, kind);
    for (auto line = first; line != end; ++line) {
      if (line->second.cells.empty()) continue;
      if (lines.size() >= room) {
        ++left_out;
        continue;
      }
      std::string text = table_line(label(line->first.second), all, shown,
                                    [&](std::size_t i) { return std::string_view(line->second.cells[i]); });
      const std::string trend = sparkline(line->second.trend, screen.unicode);
      if (text.size() > screen.width) text.resize(screen.width);
      if (text.size() + 2 + kTrend <= screen.width) text += "  " + trend;
      lines.push_back(text);
    }
  }
  if (left_out > 0 && lines.size() + 1 < screen.height)
    lines.push_back(fmt::format("and {} more; a taller terminal shows them", left_out).substr(0, screen.width));
  return lines;
}

// All packet flows of a kind as one: the last intervals that they told of.
void LiveView::show_sum(std::vector<std::string>& lines, const Screen& screen, Kind kind) const {
  if (kind != Kind::packets && kind != Kind::back) return;
  Line all;
  double asked = 0;
  PacketInterval merged;
  for (auto line = lines_.lower_bound({kind, 0}); line != lines_.end() && line->first.first == kind; ++line) {
    const Line& one = line->second;
    if (one.cells.empty()) continue;
    // Rows may differ in length: each flow's rates count by its own.
    const double share = 1e9 / static_cast<double>(std::max<std::int64_t>(1, (one.last.end - one.last.start).count()));
    merged.received.packets +=
        static_cast<std::uint64_t>(std::llround(static_cast<double>(one.last.received.packets) * share));
    merged.received.bytes +=
        static_cast<std::uint64_t>(std::llround(static_cast<double>(one.last.received.bytes) * share));
    for (std::size_t i = 0; i < 2; ++i) merged.statistics.segments[i].merge(one.last.statistics.segments[i]);
    if (!one.trend.empty()) all.worst = all.trend.empty() ? one.worst : std::max(all.worst, one.worst);
    if (!one.trend.empty()) all.trend = {0};
    all.amount += one.amount;
    all.missing += one.missing;
    asked += rate_asked(std::get<PacketFlowSpec>(flows_.at(line->first.second)));
  }
  merged.end = std::chrono::seconds(1);
  packets(all, merged, asked);
  const std::span<const Column> columns_of = columns(static_cast<std::size_t>(kind));
  const std::string text = table_line("all", columns_of, fitting(columns_of, screen.width),
                                      [&](std::size_t i) { return std::string_view(all.cells[i]); });
  lines.push_back(text.substr(0, screen.width));
}

std::string LiveView::label(std::size_t flow) const {
  const std::string& name =
      std::visit([](const auto& spec) -> const std::string& { return spec.name; }, flows_.at(flow));
  if (name.empty()) return fmt::format("#{}", flow + 1);
  return fmt::format("#{} {}", flow + 1, text::shown(name));
}

// A bar over the time of the flow that ends last.
std::string LiveView::progress(const Screen& screen) const {
  nanoseconds all{0};
  bool early = false;
  for (const auto& [number, flow] : flows_) {
    all = std::max(all, std::visit([](const auto& spec) { return whole(spec); }, flow));
    early = early || std::visit([](const auto& spec) { return may_end_early(spec); }, flow);
  }
  if (all <= nanoseconds{0}) return "waiting for flows";
  const nanoseconds elapsed = std::clamp(screen.elapsed, nanoseconds{0}, all);
  const double share = static_cast<double>(elapsed.count()) / static_cast<double>(all.count());
  const std::string words = elapsed < all ? fmt::format(" {:3.0f} %, {}{} left", std::floor(100 * share),
                                                        early ? "at most " : "", clock_time(all - elapsed))
                                          : " 100 %, waiting for the last results";
  constexpr std::size_t kLongest = 40;
  if (screen.width < words.size() + 4) return words.substr(1, screen.width);
  const std::size_t room = std::min(kLongest, screen.width - words.size() - 2);
  const auto done = static_cast<std::size_t>(share * static_cast<double>(room));
  std::string bar = "[";
  for (std::size_t i = 0; i < room; ++i) bar += i < done ? (screen.unicode ? "━" : "#") : (screen.unicode ? "┄" : ".");
  return bar + "]" + words;
}

}  // namespace paceline::decoder
