// SPDX-License-Identifier: MIT
//
// The result model as text for people: what matters first, at most 110 columns.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <string>

#include "decoder/plural.h"
#include "paceline/decoder.h"

namespace paceline {

namespace {

using decoder::plural;
using Out = std::back_insert_iterator<std::string>;

constexpr double kLargeBound = 0.1;  // of the median delay: from there on the clock's error deserves a word

// What a peer sent is shown without what could steer a terminal.
std::string shown(const std::string& text) {
  std::string safe = text;
  std::ranges::replace_if(
      safe, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; }, '?');
  return safe;
}

// The same, for what may be missing.
std::string known(const std::string& text) { return text.empty() ? "unknown" : shown(text); }

// By default four significant digits: at least as many as the histograms hold.
std::string significant(double value, int digits = 4) {
  const double size = std::abs(value);
  const int whole = size < 9.9995 ? 1 : size < 99.995 ? 2 : size < 999.95 ? 3 : 4;
  return fmt::format("{:.{}f}", value, std::max(0, digits - whole));
}

std::string time(double ns, int digits = 4) {
  const double size = std::abs(ns);
  if (size < 999.5) return fmt::format("{:.0f} ns", ns);
  if (size < 999.95e3) return significant(ns / 1e3, digits) + " us";
  if (size < 999.95e6) return significant(ns / 1e6, digits) + " ms";
  return significant(ns / 1e9, digits) + " s";
}
std::string time(std::int64_t ns, int digits = 4) { return time(static_cast<double>(ns), digits); }
std::string time(nanoseconds ns, int digits = 4) { return time(ns.count(), digits); }

std::string bitrate(double bps) {
  if (bps < 1e3) return fmt::format("{:.0f} bit/s", bps);
  if (bps < 999.95e3) return significant(bps / 1e3) + " kbit/s";
  if (bps < 999.95e6) return significant(bps / 1e6) + " Mbit/s";
  return significant(bps / 1e9) + " Gbit/s";
}

double rate_bps(std::uint64_t packets, std::uint64_t bytes, double pps) {
  return packets == 0 ? 0 : pps * 8 * static_cast<double>(bytes) / static_cast<double>(packets);
}

// An interval's ends, in seconds. The last one's end was measured rather than asked for: hundredths are enough, unless
// that would leave nothing of it.
std::string span(const Interval& interval) {
  using Hundredths = std::chrono::duration<std::int64_t, std::centi>;
  constexpr auto kShort = std::chrono::milliseconds(100);
  const bool rounded = interval.last && interval.end - interval.start >= kShort;
  const nanoseconds end = rounded ? std::chrono::round<Hundredths>(interval.end) : interval.end;
  const auto seconds = [](nanoseconds ns) { return std::chrono::duration<double>(ns).count(); };
  return fmt::format("{:.7g}-{:.7g} s", seconds(interval.start), seconds(end));
}

std::string percent(double part, double whole) {
  return whole == 0 ? "-" : fmt::format("{:.3g} %", 100 * part / whole);
}

class FlowText {
 public:
  FlowText(const FlowResult& flow, const TextOptions& options) : flow_(flow), options_(options) {}

  std::string render(std::size_t number) {
    title(number);
    path();
    sent();
    received();
    table();
    notes();
    stamping();
    clock();
    return std::move(text_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(Out(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  std::string coloured(const char* code, const std::string& text) const {
    return options_.colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }

  void title(std::size_t number) {
    const FlowSpec& spec = flow_.spec;
    line("{}", coloured("1", fmt::format("Flow {}: {} at {:.10g} packets/s of {} bytes (UDP)", number,
                                         time(spec.duration), spec.rate_pps, spec.size)));
    if (!flow_.complete) line("  {}", coloured("31", "PARTIAL RESULT: " + known(flow_.incomplete_reason)));
  }

  void path() {
    const PathResult& path = flow_.path;
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

  void sent() {
    const Sent& sent = flow_.sent;
    const double pps = rate_pps(sent.packets, sent.span);
    if (sent.packets == 0) {
      line("  sent      unknown: the sender did not tell");
      return;
    }
    line("  sent      {}, {:.2f} of {:.10g} packets/s asked ({:.2f} %), {}", plural(sent.packets, "packet"), pps,
         flow_.spec.rate_pps, 100 * pps / flow_.spec.rate_pps, bitrate(rate_bps(sent.packets, sent.bytes, pps)));
    if (sent.missed_slots > 0) line("            {} left out, a whole gap late", plural(sent.missed_slots, "slot"));
    if (sent.send_retries + sent.send_errors > 0) {
      line("            tried again: {} that would have blocked, {} that failed", plural(sent.send_retries, "send"),
           sent.send_errors);
    }
    if (sent.pacing != flow_.spec.pacing)
      line("            pacing {} instead of {}", to_string(sent.pacing), to_string(flow_.spec.pacing));
  }

  void received() {
    const Received& received = flow_.received;
    const double pps = rate_pps(received.packets, flow_.last_arrival - flow_.first_arrival);
    line("  received  {}, {:.2f} packets/s, {}", plural(received.packets, "packet"), pps,
         bitrate(rate_bps(received.packets, received.bytes, pps)));
    const double expected = static_cast<double>(received.lost) + static_cast<double>(received.packets);
    const std::string lost =
        fmt::format("lost {} ({})", received.lost, percent(static_cast<double>(received.lost), expected));
    line("            {}, duplicated {}, reordered {}", received.lost == 0 ? lost : coloured("33", lost),
         received.duplicated, received.reordered);
    if (received.lost_in_socket > 0) {
      line("            dropped at the receiver's full socket buffer: {}{}", received.lost_in_socket,
           flow_.socket_flows > 1 ? fmt::format(" (of {} flows that share it)", flow_.socket_flows) : "");
    }
    if (received.beyond_window > 0) {
      line("            {} more than {} packets late: late or duplicates, counted as neither",
           plural(received.beyond_window, "packet"), flow_.duplicate_window);
    }
    if (received.unbound + received.invalid > 0) {
      line("            ignored: {} from other addresses, {} that the flow cannot have sent",
           plural(received.unbound, "packet"), received.invalid);
    }
  }

  void row(const std::string& name, const Distribution& values, const std::string& trust = "") {
    if (values.count == 0) {
      line("  {:<18}{:>10}", name, "-");
      return;
    }
    line("  {:<18}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{}", name, time(values.min), time(values.mean()),
         time(values.quantile(0.5)), time(values.quantile(0.9)), time(values.quantile(0.99)),
         time(values.quantile(0.999)), time(values.max), time(values.stddev()), trust);
  }

  // What a one-way figure is worth, beside it.
  std::string trust() const {
    switch (flow_.clock.verdict) {
      case ClockVerdict::unknown: return "  offset ?";
      case ClockVerdict::estimated: return " +-" + time(flow_.clock.error_bound, 3);
      case ClockVerdict::same_host: return " 1 clock";
      case ClockVerdict::synchronized: return "  synced";
    }
    return "";
  }

  void table() {
    line("  {:<18}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}  clock", "delay", "min", "mean", "p50", "p90", "p99",
         "p99.9", "max", "stddev");
    for (std::size_t i = 0; i < kSegmentCount; ++i) {
      const auto [from, to] = kSegments[i];
      const bool stamped = from == Point::rx_tc || to == Point::rx_tc;
      if (stamped && flow_.stamping.hook == Hook::none && flow_.statistics.segments[i].count == 0) continue;
      row(fmt::format("{:<7} -> {}", to_string(from), to_string(to)), flow_.statistics.segments[i],
          from == Point::rx_tc ? "" : trust());
    }
    row("ipdv", flow_.statistics.ipdv);
    row("jitter", flow_.statistics.jitter);
    if (flow_.sent.packets > 0) row("lateness of sends", flow_.sent.lateness);
  }

  // What the table must not be read without.
  void notes() {
    const Distribution& delay = flow_.statistics.segments[0];
    const std::int64_t bound = flow_.clock.error_bound.count();
    const bool estimated = flow_.clock.verdict == ClockVerdict::estimated;
    if (delay.count > 0 && flow_.clock.verdict == ClockVerdict::unknown)
      line("  note      the clocks were not compared: one-way delays hold an unknown offset");
    if (delay.count > 0 && estimated &&
        static_cast<double>(bound) > kLargeBound * std::abs(static_cast<double>(delay.quantile(0.5)))) {
      line("  note      the clocks are known to {} only, and the median one-way delay is {}:", time(bound),
           time(delay.quantile(0.5)));
      line("            compare variation, or delays on the same clocks, rather than these delays themselves");
    }
    if (delay.negative() > 0) {
      line("  note      {} of {} one-way delays are negative, the least {}: {}", delay.negative(), delay.count,
           time(delay.min),
           !estimated            ? "the clocks differ"
           : -bound <= delay.min ? "within the clocks' error"
                                 : "more than the clocks' error, so they drifted");
    }
  }

  void stamping() {
    const Stamping& stamping = flow_.stamping;
    if (stamping.hook == Hook::none) {
      line("  stamping  userspace only{}", stamping.reason.empty() ? "" : ": " + shown(stamping.reason));
      return;
    }
    line("  stamping  {}{}: {} stamped, {} missed{}", to_string(stamping.hook),
         stamping.interface.empty() ? "" : " on " + shown(stamping.interface), flow_.received.stamped,
         flow_.received.missed, stamping.reason.empty() ? "" : " (" + shown(stamping.reason) + ")");
  }

  void clock() {
    const ClockResult& clock = flow_.clock;
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

  const FlowResult& flow_;
  const TextOptions& options_;
  std::string text_;
};

}  // namespace

std::string render_text(const RunResult& run, const TextOptions& options) {
  std::string text;
  for (std::size_t i = 0; i < run.flows.size(); ++i) {
    if (i > 0) text += '\n';
    text += FlowText(run.flows[i], options).render(i + 1);
  }
  return text;
}

std::string render_text_header() {
  return fmt::format("{:>17} {:>8} {:>10} {:>7} {:>6} {:>5} {:>5} {:>5} {:>9} {:>9} {:>9} {:>9}", "interval", "packets",
                     "packets/s", "asked", "lost", "found", "dup", "reord", "min", "mean", "p99", "max");
}

std::string render_text_row(const Interval& interval, double asked_pps) {
  const Received& received = interval.received;
  const std::int64_t corrections =
      std::accumulate(interval.corrections.begin(), interval.corrections.end(), std::int64_t{0},
                      [](std::int64_t sum, const Correction& correction) { return sum + correction.lost; });
  const double pps = rate_pps(received.packets, interval.last_arrival - interval.first_arrival);
  const Distribution& delay = interval.statistics.segments[0];
  const bool any = delay.count > 0;
  return fmt::format(
      "{:>17} {:>8} {:>10} {:>7} {:>6} {:>5} {:>5} {:>5} {:>9} {:>9} {:>9} {:>9}", span(interval), received.packets,
      pps > 0 ? fmt::format("{:.2f}", pps) : "-", pps > 0 ? fmt::format("{:.1f} %", 100 * pps / asked_pps) : "-",
      received.lost - corrections, -corrections, received.duplicated, received.reordered, any ? time(delay.min) : "-",
      any ? time(delay.mean()) : "-", any ? time(delay.quantile(0.99)) : "-", any ? time(delay.max) : "-");
}

}  // namespace paceline
