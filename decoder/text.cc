// SPDX-License-Identifier: MIT
#include "decoder/text.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "decoder/plural.h"
#include "decoder/render_numbers.h"

namespace paceline::decoder::text {

namespace {

std::string significant(double value, int digits = 4) {
  const double size = std::abs(value);
  const int whole = size < 9.9995 ? 1 : size < 99.995 ? 2 : size < 999.95 ? 3 : 4;
  return fmt::format("{:.{}f}", value, std::max(0, digits - whole));
}

}  // namespace

std::string shown(const std::string& text) {
  std::string safe = text;
  std::ranges::replace_if(
      safe, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; }, '?');
  return safe;
}

std::string known(const std::string& text) { return text.empty() ? "unknown" : shown(text); }

std::string time(double ns, int digits) {
  const double size = std::abs(ns);
  if (size < 999.5) return fmt::format("{:.0f} ns", ns);
  if (size < 999.95e3) return significant(ns / 1e3, digits) + " us";
  if (size < 999.95e6) return significant(ns / 1e6, digits) + " ms";
  return significant(ns / 1e9, digits) + " s";
}
std::string time(std::int64_t ns, int digits) { return time(static_cast<double>(ns), digits); }
std::string time(nanoseconds ns, int digits) { return time(ns.count(), digits); }

std::string protocol(Transport transport) {
  switch (transport) {
    case Transport::udp: return "UDP";
    case Transport::tcp: return "TCP records";
    case Transport::sctp: return "SCTP records";
    case Transport::icmp: return "ICMP echo";
  }
  return "";
}

std::string bitrate(double bps) {
  if (bps < 1e3) return fmt::format("{:.0f} bit/s", bps);
  if (bps < 999.95e3) return significant(bps / 1e3) + " kbit/s";
  if (bps < 999.95e6) return significant(bps / 1e6) + " Mbit/s";
  return significant(bps / 1e9) + " Gbit/s";
}

std::string bytes(std::uint64_t count) {
  const auto value = static_cast<double>(count);
  if (value < 1e4) return fmt::format("{} B", count);
  if (value < 999.95e3) return significant(value / 1e3) + " kB";
  if (value < 999.95e6) return significant(value / 1e6) + " MB";
  return significant(value / 1e9) + " GB";
}

std::string percent(double part, double whole) {
  return whole == 0 ? "-" : fmt::format("{:.3g} %", 100 * part / whole);
}

std::string share(double achieved, double asked) {
  return achieved > 0 && asked > 0 ? fmt::format("{:.1f} %", 100 * achieved / asked) : "-";
}

std::string span(nanoseconds start, nanoseconds end, bool last, bool omitted) {
  using Hundredths = std::chrono::duration<std::int64_t, std::centi>;
  constexpr auto kShort = std::chrono::milliseconds(100);
  const bool rounded = last && end - start >= kShort;
  const nanoseconds until = rounded ? std::chrono::round<Hundredths>(end) : end;
  const auto seconds = [](nanoseconds ns) { return std::chrono::duration<double>(ns).count(); };
  return fmt::format(fmt::runtime(omitted ? "({:.7g}-{:.7g} s)" : "{:.7g}-{:.7g} s"), seconds(start), seconds(until));
}

std::string Lines::coloured(const char* code, const std::string& text) const {
  return options_.colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

void Lines::title(const std::string& text) { line("{}", coloured("1", text)); }

void Lines::partial(bool complete, const std::string& reason) {
  if (!complete) line("  {}", coloured("31", "PARTIAL RESULT: " + known(reason)));
}

void Lines::path(const PathResult& path) {
  if (path.dialled.empty()) return;
  line("  path      {} -> {}", shown(path.dialled), known(path.arrived_at));
  const char* translated = path.source_translated && path.destination_translated ? "source and destination"
                           : path.source_translated                              ? "source"
                           : path.destination_translated                         ? "destination"
                                                                                 : nullptr;
  line("            from {}, seen from {}; {}", known(path.sent_from), known(path.seen_from),
       translated ? fmt::format("{} translated", translated) : "not translated");
  line("            first packet's round trip {}, found in {}", time(path.first_packet),
       plural(path.attempts, "attempt"));
  for (const auto& candidate : path.candidates) {
    if (path.candidates.size() > 1)
      line("            tried {} ({}): {}", shown(candidate.address), shown(candidate.source),
           shown(candidate.outcome));
  }
}

void Lines::path_to_kernel(const PathResult& path) {
  line("  path      {}, answered by its kernel; from {}", known(path.dialled), known(path.sent_from));
  line("            first packet's round trip {}", time(path.first_packet));
}

void Lines::heads(const std::string& what, const char* end) {
  line("  {:<18}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{}", what, "min", "mean", "p50", "p90", "p99", "p99.9",
       "max", "stddev", end);
}

void Lines::times(const std::string& name, const Distribution& ns, const std::string& end) {
  if (ns.count == 0) {
    line("  {:<18}{:>10}", name, "-");
    return;
  }
  line("  {:<18}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{}", name, time(ns.min), time(ns.mean()),
       time(ns.quantile(0.5)), time(ns.quantile(0.9)), time(ns.quantile(0.99)), time(ns.quantile(0.999)), time(ns.max),
       time(ns.stddev()), end);
}

void Lines::bitrates(const std::string& name, const Distribution& bps) {
  if (bps.count == 0) {
    line("  {:<18}{:>13}", name, "-");
    return;
  }
  line("  {:<18}{:>13}{:>14}{:>14}{:>14}{:>14}", name, bitrate(static_cast<double>(bps.min)), bitrate(bps.mean()),
       bitrate(static_cast<double>(bps.quantile(0.5))), bitrate(static_cast<double>(bps.max)), bitrate(bps.stddev()));
}

void Lines::cpu(const char* end, const CpuTime& cpu, std::uint64_t bytes) {
  if (cpu.elapsed == nanoseconds{0}) return;
  const std::string per_gigabyte =
      bytes == 0 ? "" : fmt::format("; {:.4g} s a gigabyte", seconds_per_gigabyte(cpu, bytes));
  line("  cpu       {:<9} {} of one CPU: user {}, system {}{}", end,
       percent(static_cast<double>((cpu.user + cpu.system).count()), static_cast<double>(cpu.elapsed.count())),
       time(cpu.user, 3), time(cpu.system, 3), per_gigabyte);
}

void Lines::clock(const ClockResult& clock) {
  switch (clock.verdict) {
    case ClockVerdict::unknown:
      line("  clock     unknown: no exchange of time stamps succeeded; offset used {}", time(clock.offset));
      break;
    case ClockVerdict::estimated:
      line("  clock     estimated: the receiver's is ahead by {} +- {}, drift over the flow {}", time(clock.offset),
           time(clock.error_bound), time(clock.drift));
      line("            from {} exchanges before and {} after it, best round trip {}", clock.exchanges_before,
           clock.exchanges_after, time(clock.min_round_trip));
      break;
    case ClockVerdict::same_host: line("  clock     same host: both ends read one clock"); break;
    case ClockVerdict::synchronized:
      line("  clock     synchronized, as the user vouched; offset used {}", time(clock.offset));
      break;
  }
}

}  // namespace paceline::decoder::text
