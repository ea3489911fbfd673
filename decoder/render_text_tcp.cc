// SPDX-License-Identifier: MIT
//
// TCP flows as text for people.
#include <algorithm>
#include <string>
#include <vector>

#include "decoder/plural.h"
#include "decoder/render_numbers.h"
#include "decoder/text.h"
#include "decoder/totals.h"
#include "paceline/decoder.h"

namespace paceline {

namespace decoder::text {

namespace {

constexpr std::size_t kMostStreams = 16;  // with a line each; of more, those that stand out

class FlowText {
 public:
  FlowText(const TcpFlowResult& flow, const TextOptions& options) : flow_(flow), lines_(options) {}

  std::string render(const std::string& name) {
    title(name);
    lines_.path(flow_.path);
    received();
    sent();
    streams();
    lines_.line("  {:<18}{:>13}{:>14}{:>14}{:>14}{:>14}", "goodput", "min", "mean", "median", "max", "stddev");
    lines_.bitrates("of an interval", flow_.goodput);
    wire();
    const bool reverse = flow_.spec.direction == Direction::reverse;
    lines_.cpu("sender", flow_.sender_cpu, reverse ? flow_.received : flow_.written);
    lines_.cpu("receiver", flow_.receiver_cpu, reverse ? flow_.written : flow_.received);
    stamping();
    return lines_.take();
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    lines_.line(format, std::forward<Args>(args)...);
  }

  void title(const std::string& name) {
    const TcpFlowSpec& spec = flow_.spec;
    std::string what = fmt::format("{}: {} over TCP", name, time(spec.duration));
    if (spec.bytes > 0) what += fmt::format(" or {}", bytes(spec.bytes));
    what += spec.bitrate_bps > 0 ? fmt::format(" at {}", bitrate(spec.bitrate_bps)) : " as fast as can be";
    what += fmt::format(", {}", plural(spec.streams, "stream"));
    if (spec.direction == Direction::reverse) what += ", from the receiver (reverse)";
    if (spec.omit > nanoseconds{0}) what += fmt::format(", after {} that are omitted", time(spec.omit));
    lines_.title(what);
    lines_.partial(flow_.complete, flow_.incomplete_reason);
  }

  void received() {
    const double achieved = goodput_bps(flow_);
    const double asked = flow_.spec.bitrate_bps;
    const std::string of_asked =
        asked > 0 ? fmt::format(" of {} asked ({:.2f} %)", bitrate(asked), 100 * achieved / asked) : "";
    line("  received  {}{}: {} in {}, {}", lines_.coloured("1", bitrate(achieved)), of_asked, bytes(flow_.received),
         time(std::max(nanoseconds{0}, flow_.last_arrival - flow_.spec.omit)),
         flow_.spec.receive == ReceiveMode::discard ? "discarded in the kernel" : "copied to the application");
    if (flow_.omitted_bytes > 0) line("            {} of the warm-up not in it", bytes(flow_.omitted_bytes));
  }

  void sent() {
    if (flow_.congestion.empty()) {
      line("  sent      unknown: the sending end did not tell");
      return;
    }
    std::uint64_t retransmits = 0;
    for (const StreamResult& stream : flow_.streams) retransmits += stream.retransmits;
    const std::string of_asked = flow_.spec.bytes > 0 ? fmt::format(" of {} asked", bytes(flow_.spec.bytes)) : "";
    line("  sent      {}{}, {} retransmitted; congestion control {}{}{}", bytes(flow_.written), of_asked,
         plural(retransmits, "segment"), shown(flow_.congestion), flow_.spec.no_delay ? ", no delay" : "",
         flow_.spec.send == SendMode::zero_copy ? ", zero copy" : "");
  }

  void stream(const char* what, std::size_t i) {
    const StreamResult& stream = flow_.streams[i];
    const bool told = stream.info.mss > 0;
    line("  {:<6}{:>5} {:>13} {:>8} {:>10} {:>10} {:>10} {:>9}  {}", what, i + 1,
         bitrate(goodput_bps(stream, flow_.spec)), stream.retransmits, told ? time(stream.info.smoothed_rtt) : "-",
         told ? time(stream.info.min_rtt) : "-", told ? bytes(window_bytes(stream.info)) : "-",
         told ? std::to_string(stream.info.mss) : "-", shown(stream.sent_from));
    if (!stream.ended.empty()) line("              {}", lines_.coloured("31", "ended early: " + shown(stream.ended)));
  }

  void streams() {
    const auto& all = flow_.streams;
    if (all.empty()) return;
    line("  {:<11} {:>13} {:>8} {:>10} {:>10} {:>10} {:>9}  {}", "stream", "goodput", "retrans", "rtt", "min rtt",
         "window", "mss", "from");
    if (all.size() <= kMostStreams) {
      for (std::size_t i = 0; i < all.size(); ++i) stream("", i);
    } else {
      const auto [slowest, fastest] = std::ranges::minmax_element(all, {}, &StreamResult::received);
      const auto lossiest = std::ranges::max_element(all, {}, &StreamResult::retransmits);
      const auto number = [&](auto at) { return static_cast<std::size_t>(at - all.begin()); };
      stream("least", number(slowest));
      stream("most", number(fastest));
      if (lossiest->retransmits > 0) stream("resent", number(lossiest));
      broken();
    }
    if (all.size() > 1) line("  fairness  {:.4f} (Jain's index; 1 is even)", fairness(flow_));
  }

  // Streams that ended early have no line of their own among many.
  void broken() {
    const auto early = std::ranges::count_if(flow_.streams, [](const auto& stream) { return !stream.ended.empty(); });
    if (early == 0) return;
    const auto first = std::ranges::find_if(flow_.streams, [](const auto& stream) { return !stream.ended.empty(); });
    line("  {}",
         lines_.coloured("31", fmt::format("{} of {} streams ended early; stream {}: {}", early, flow_.streams.size(),
                                           first - flow_.streams.begin() + 1, shown(first->ended))));
  }

  void wire() {
    const WireCounts& wire = flow_.wire;
    if (flow_.host_delay.count + flow_.arrival_gap.count > 0) {
      lines_.heads("of 64 KiB each");
      lines_.times("rx.tc   -> rx.user", flow_.host_delay);
      lines_.times("gap at rx.tc", flow_.arrival_gap);
    }
    if (wire.skbs == 0) return;
    line("  wire      {} in {}, {}, {} of them not for the first time", plural(wire.segments, "segment"),
         plural(wire.skbs, "packet buffer"), bytes(wire.bytes), bytes(wire.retransmitted_bytes));
    if (wire.granules_missed > 0)
      line("            {} of {} blocks of 64 KiB without a stamp", wire.granules_missed,
           wire.granules + wire.granules_missed);
  }

  void stamping() {
    const Stamping& stamping = flow_.stamping;
    if (stamping.hook == Hook::none) {
      line("  stamping  userspace only{}", stamping.reason.empty() ? "" : ": " + shown(stamping.reason));
      return;
    }
    line("  stamping  {}{}{}", to_string(stamping.hook),
         stamping.interface.empty() ? "" : " on " + shown(stamping.interface),
         stamping.reason.empty() ? "" : " (" + shown(stamping.reason) + ")");
  }

  const TcpFlowResult& flow_;
  Lines lines_;
};

}  // namespace

std::string render(const std::string& name, const TcpFlowResult& flow, const TextOptions& options) {
  return FlowText(flow, options).render(name);
}

std::string header(const TcpFlowSpec&) {
  return fmt::format("{:>17} {:>12} {:>8} {:>12} {:>8} {:>10} {:>10} {:>10} {:>12}", "interval", "goodput", "asked",
                     "sent", "retrans", "rtt", "rtt var", "window", "delivery");
}

}  // namespace decoder::text

std::string render_text_row(const TcpInterval& interval, const TcpFlowSpec& spec) {
  using namespace decoder::text;
  const StreamInterval all = decoder::sum(interval);
  std::uint64_t window = 0;
  for (const StreamInterval& stream : interval.streams) window += decoder::window_bytes(stream.info);
  const bool told = window > 0;
  const double goodput = decoder::goodput_bps(interval, all.received);
  return fmt::format("{:>17} {:>12} {:>8} {:>12} {:>8} {:>10} {:>10} {:>10} {:>12}{}", span(interval), bitrate(goodput),
                     share(goodput, spec.bitrate_bps), bitrate(decoder::goodput_bps(interval, all.written)),
                     all.retransmits, told ? time(all.info.smoothed_rtt) : "-",
                     told ? time(all.info.rtt_variance) : "-", told ? bytes(window) : "-",
                     told ? bitrate(all.info.delivery_rate_bps) : "-", interval.one_sided ? " ?" : "");
}

}  // namespace paceline
