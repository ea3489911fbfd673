// SPDX-License-Identifier: MIT
//
// UDP flows as text for people.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "decoder/packet_sum.h"
#include "decoder/plural.h"
#include "decoder/render_numbers.h"
#include "decoder/text.h"
#include "paceline/decoder.h"

namespace paceline {

namespace decoder::text {

namespace {

constexpr double kLargeBound = 0.1;  // of the median delay: from there on the clock's error deserves a word

// Flows whose rate is the measurement: their rows tell bit/s, and less of delay.
bool in_bulk(const PacketFlowSpec& spec) { return spec.batching != Batching::single || spec.rate_pps == 0; }

class FlowText {
 public:
  FlowText(const PacketFlowResult& flow, const TextOptions& options) : flow_(flow), lines_(options) {}

  std::string render(const std::string& name) {
    title(name);
    if (flow_.spec.transport == Transport::icmp)
      lines_.path_to_kernel(flow_.path);
    else
      lines_.path(flow_.path);
    sent();
    drawn();
    // A kernel that answers pings counts nothing.
    if (flow_.spec.transport != Transport::icmp) {
      received();
      arrivals();
      table();
      notes();
    }
    if (flow_.round_trip) round_trip(*flow_.round_trip);
    lines_.cpu("sender", flow_.sender_cpu, flow_.sent.bytes);
    lines_.cpu("receiver", flow_.receiver_cpu, flow_.received.bytes);
    if (flow_.spec.transport != Transport::icmp) {
      stamping();
      lines_.clock(flow_.clock);
    }
    return lines_.take();
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    lines_.line(format, std::forward<Args>(args)...);
  }

  void title(const std::string& name) {
    const PacketFlowSpec& spec = flow_.spec;
    const std::string rate = spec.rate_pps == 0 ? "as many packets" : fmt::format("{:.10g} packets/s", spec.rate_pps);
    const std::string omit =
        spec.omit == nanoseconds{0} ? "" : fmt::format(", after {} that are omitted", time(spec.omit));
    const std::string named = spec.name.empty() ? name : name + " (" + shown(spec.name) + ")";
    lines_.title(fmt::format("{}: {} at {} of {}{} bytes{} ({}){}", named, time(spec.duration), rate,
                             is_drawn() ? "up to " : "", spec.size, spec.rate_pps == 0 ? " as can be" : "",
                             protocol(flow_.spec.transport), omit));
    lines_.partial(flow_.complete, flow_.incomplete_reason);
  }

  bool is_drawn() const { return flow_.spec.model || flow_.spec.trace; }

  // What the model or the trace gave, beside what was asked of it: the rates are in sent().
  void drawn() {
    const PacketFlowSpec& spec = flow_.spec;
    if (spec.model && spec.model->bursts) {
      line("  bursts    on {}, off {}", short_text(spec.model->bursts->on, Quantity::time),
           short_text(spec.model->bursts->off, Quantity::time));
    }
    if (spec.model && spec.model->jitter) line("  jittered  {}", short_text(*spec.model->jitter, Quantity::time));
    if (spec.trace) line("  trace     {}, {:g} times as fast", shown(spec.trace->file), spec.trace->speed);
    if (!flow_.sent.drawn) return;
    const Drawn& drawn = *flow_.sent.drawn;
    const auto again = [](std::uint64_t count) { return count == 0 ? "" : fmt::format("; {} drawn again", count); };
    line("  drawn     {}{}, mean {}{}", spec.model ? short_text(spec.model->idt, Quantity::time) + ": " : "",
         plural(drawn.gaps, "gap"), time(drawn.mean_gap * 1e9), again(drawn.gaps_redrawn));
    line("            {}{}, mean {:.2f} bytes a packet{}",
         spec.model ? short_text(spec.model->size, Quantity::bytes) + ": " : "", plural(drawn.sizes, "size"),
         drawn.mean_size, again(drawn.sizes_redrawn));
    line("            seed {}", spec.seed);
  }

  static std::string short_text(const Model& model, Quantity quantity) {
    constexpr std::size_t kLongest = 40;
    std::string text = shown(to_string(model, quantity));
    if (text.size() > kLongest) text = text.substr(0, kLongest - 3) + "...";
    return text;
  }

  void sent() {
    const Sent& sent = flow_.sent;
    // Of a model what it drew is asked, which its mean need not be.
    const double due = rate_pps(sent.packets, sent.due_span);
    const double asked = is_drawn() && due > 0 ? due : flow_.spec.rate_pps;
    const double pps = rate_pps(sent.packets, sent.span);
    if (sent.packets == 0) {
      line("  sent      unknown: the sender did not tell");
      return;
    }
    const std::string of_asked = asked == 0 ? " packets/s"
                                 : is_drawn()
                                     ? fmt::format(" of {:.2f} packets/s drawn ({:.2f} %)", asked, 100 * pps / asked)
                                     : fmt::format(" of {:.10g} packets/s asked ({:.2f} %)", asked, 100 * pps / asked);
    line("  sent      {}, {:.2f}{}, {}", plural(sent.packets, "packet"), pps, of_asked,
         bitrate(rate_bps(sent.packets, sent.bytes, sent.span)));
    if (sent.batching != Batching::single && sent.sends > 0) {
      line("            in {}, {:.1f} packets each ({} with at most {})", plural(sent.sends, "call"),
           static_cast<double>(sent.packets) / static_cast<double>(sent.sends),
           sent.batching == Batching::offload ? "UDP_SEGMENT" : "sendmmsg", sent.batch);
    }
    if (sent.batching != flow_.spec.batching)
      line("            batching {} instead of {}", to_string(sent.batching), to_string(flow_.spec.batching));
    if (sent.missed_slots > 0) line("            {} left out, a whole gap late", plural(sent.missed_slots, "slot"));
    if (sent.send_retries + sent.send_errors > 0) {
      line("            tried again: {} that would have blocked, {} that failed", plural(sent.send_retries, "send"),
           sent.send_errors);
    }
    if (sent.pacing != flow_.spec.pacing)
      line("            pacing {} instead of {}", to_string(sent.pacing), to_string(flow_.spec.pacing));
    if (sent.omitted > 0)
      line("            {} of the warm-up in none of these numbers", plural(sent.omitted, "packet"));
  }

  void received() {
    const Received& received = flow_.received;
    const nanoseconds window = flow_.last_arrival - flow_.first_arrival;
    line("  received  {}, {:.2f} packets/s, {}", plural(received.packets, "packet"), rate_pps(received.packets, window),
         bitrate(rate_bps(received.packets, received.bytes, window)));
    const double expected = static_cast<double>(received.lost) + static_cast<double>(received.packets);
    const std::string lost =
        fmt::format("lost {} ({})", received.lost, percent(static_cast<double>(received.lost), expected));
    line("            {}, duplicated {}, reordered {}", received.lost == 0 ? lost : lines_.coloured("33", lost),
         received.duplicated, received.reordered);
    if (received.lost_in_socket > 0) {
      const bool in_buffers = flow_.arrivals.coalesced && flow_.arrivals.at_hook == 0;
      line("            dropped at the receiver's full socket buffer: {}{}{}", received.lost_in_socket,
           in_buffers ? " packet buffers" : "",
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

  void round_trip(const RoundTrip& back) {
    const Received& received = back.received;
    const double expected = static_cast<double>(received.lost) + static_cast<double>(received.packets);
    line("  came back {}, lost {} on either way ({}), duplicated {}, reordered {}", plural(received.packets, "packet"),
         received.lost, percent(static_cast<double>(received.lost), expected), received.duplicated, received.reordered);
    if (flow_.echoes_unsent > 0)
      line("            {} that the receiver's full socket did not send back", flow_.echoes_unsent);
    if (received.lost_in_socket > 0)
      line("            dropped at the sender's full socket buffer: {}", received.lost_in_socket);
    if (received.invalid > 0)
      line("            ignored: {} that are no echoes of the flow", plural(received.invalid, "packet"));
    lines_.heads("round trip");
    lines_.times("from the send", back.statistics.segments[0]);
    lines_.times("from its due time", back.statistics.segments[1]);
    if (back.statistics.segments[2].count > 0) lines_.times("to the kernel", back.statistics.segments[2]);
    lines_.times("ipdv", back.statistics.ipdv);
    lines_.times("jitter", back.statistics.jitter);
  }

  void arrivals() {
    if (!offloaded(flow_)) return;
    line("  {}   {:.1f} packets travelled as one on average: the network worked once for them, delays hold the wait",
         lines_.coloured("33", "offload"),
         static_cast<double>(flow_.received.packets) / static_cast<double>(flow_.arrivals.skbs));
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
    lines_.heads("delay", "  clock");
    for (std::size_t i = 0; i < kSegmentCount; ++i) {
      const auto [from, to] = kSegments[i];
      const bool stamped = from == Point::rx_tc || to == Point::rx_tc;
      if (stamped && flow_.stamping.hook == Hook::none && flow_.statistics.segments[i].count == 0) continue;
      lines_.times(fmt::format("{:<7} -> {}", to_string(from), to_string(to)), flow_.statistics.segments[i],
                   from == Point::rx_tc ? "" : trust());
    }
    lines_.times("ipdv", flow_.statistics.ipdv);
    lines_.times("jitter", flow_.statistics.jitter);
    if (flow_.sent.packets > 0) lines_.times("lateness of sends", flow_.sent.lateness);
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

  const PacketFlowResult& flow_;
  Lines lines_;
};

}  // namespace

std::string render(const std::string& name, const PacketFlowResult& flow, const TextOptions& options) {
  return FlowText(flow, options).render(name);
}

std::string render(const std::vector<NumberedFlow>& flows, const TextOptions& options) {
  std::vector<const PacketFlowResult*> results;
  for (const NumberedFlow& flow : flows) results.push_back(flow.flow);
  std::string text = render(fmt::format("{} flows together", flows.size()), sum(results), options);

  const auto median = [](const NumberedFlow& flow) { return flow.flow->statistics.segments[0].quantile(0.5); };
  const auto lost = [](const NumberedFlow& flow) { return flow.flow->received.lost; };
  const auto achieved = [](const NumberedFlow& flow) {
    return rate_pps(flow.flow->sent.packets, flow.flow->sent.span);
  };
  const auto [fastest, slowest] = std::ranges::minmax_element(flows, {}, median);
  const auto worst = std::ranges::max_element(flows, {}, lost);
  const auto [least, most] = std::ranges::minmax_element(flows, {}, achieved);
  const auto one_way = [](const NumberedFlow& flow) { return time(flow.flow->statistics.segments[0].quantile(0.5)); };
  text += fmt::format("  of these  median delay from {} (flow {}) to {} (flow {})\n", one_way(*fastest),
                      fastest->number, one_way(*slowest), slowest->number);
  text += fmt::format("            sent from {:.2f} packets/s (flow {}) to {:.2f} packets/s (flow {})\n",
                      achieved(*least), least->number, achieved(*most), most->number);
  if (lost(*worst) > 0) text += fmt::format("            most lost: {} (flow {})\n", lost(*worst), worst->number);
  return text;
}

std::string header(const PacketFlowSpec& spec) {
  if (in_bulk(spec)) {
    return fmt::format("{:>17} {:>9} {:>11} {:>7} {:>12} {:>7} {:>5} {:>5} {:>5} {:>9} {:>9}", "interval", "packets",
                       "packets/s", "asked", "goodput", "lost", "found", "dup", "reord", "p50", "p99");
  }
  return fmt::format("{:>17} {:>8} {:>10} {:>7} {:>6} {:>5} {:>5} {:>5} {:>9} {:>9} {:>9} {:>9}", "interval", "packets",
                     "packets/s", "asked", "lost", "found", "dup", "reord", "min", "mean", "p99", "max");
}

}  // namespace decoder::text

std::string render_text_row(const PacketInterval& interval, const PacketFlowSpec& spec) {
  using namespace decoder::text;
  const Received& received = interval.received;
  const std::int64_t corrections =
      std::accumulate(interval.corrections.begin(), interval.corrections.end(), std::int64_t{0},
                      [](std::int64_t sum, const Correction& correction) { return sum + correction.lost; });
  const nanoseconds window = interval.last_arrival - interval.first_arrival;
  const double pps = rate_pps(received.packets, window);
  const Distribution& delay = interval.statistics.segments[0];
  const auto shown_delay = [&](auto value) { return delay.count > 0 ? time(value) : "-"; };
  const std::string rate = pps > 0 ? fmt::format("{:.2f}", pps) : "-";
  const std::string when = span(interval);
  const std::int64_t lost = received.lost - corrections;
  if (in_bulk(spec)) {
    return fmt::format("{:>17} {:>9} {:>11} {:>7} {:>12} {:>7} {:>5} {:>5} {:>5} {:>9} {:>9}", when, received.packets,
                       rate, share(pps, spec.rate_pps),
                       bitrate(decoder::rate_bps(received.packets, received.bytes, window)), lost, -corrections,
                       received.duplicated, received.reordered, shown_delay(delay.quantile(0.5)),
                       shown_delay(delay.quantile(0.99)));
  }
  return fmt::format("{:>17} {:>8} {:>10} {:>7} {:>6} {:>5} {:>5} {:>5} {:>9} {:>9} {:>9} {:>9}", when,
                     received.packets, rate, share(pps, spec.rate_pps), lost, -corrections, received.duplicated,
                     received.reordered, shown_delay(delay.min), shown_delay(delay.mean()),
                     shown_delay(delay.quantile(0.99)), shown_delay(delay.max));
}

}  // namespace paceline
