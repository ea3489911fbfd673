// SPDX-License-Identifier: MIT
//
// Connection flows as text for people.
#include <string>

#include "decoder/plural.h"
#include "decoder/render_numbers.h"
#include "decoder/text.h"
#include "paceline/decoder.h"

namespace paceline {

namespace decoder::text {

namespace {

class FlowText {
 public:
  FlowText(const ConnectionFlowResult& flow, const TextOptions& options) : flow_(flow), lines_(options) {}

  std::string render(const std::string& name) {
    title(name);
    lines_.path(flow_.path);
    completed();
    failed();
    table();
    lines_.cpu("sender", flow_.sender_cpu, 0);
    lines_.cpu("receiver", flow_.receiver_cpu, 0);
    return lines_.take();
  }

 private:
  bool tcp() const { return flow_.spec.transport == Transport::tcp; }

  void title(const std::string& name) {
    const ConnectionFlowSpec& spec = flow_.spec;
    const std::string omit =
        spec.omit == nanoseconds{0} ? "" : fmt::format(", after {} that are omitted", time(spec.omit));
    lines_.title(fmt::format("{}: {} of {}, {}{}", name, time(spec.duration),
                             tcp() ? "TCP connections" : "UDP exchanges from a port each",
                             spec.rate > 0 ? fmt::format("{:.10g} a second", spec.rate) : "as many as can be", omit));
    lines_.partial(flow_.complete, flow_.incomplete_reason);
  }

  void completed() {
    const Exchanges& exchanges = flow_.exchanges;
    const double achieved = rate_cps(flow_);
    const double asked = flow_.spec.rate;
    const std::string of_asked =
        asked > 0 ? fmt::format(" of {:.10g} a second asked ({:.2f} %)", asked, 100 * achieved / asked) : " a second";
    lines_.line("  completed {}, {:.2f}{}", exchanges.completed, achieved, of_asked);
    lines_.line("            {} started, at most {} at once; the receiver answered {}{}", exchanges.started,
                flow_.concurrency, flow_.answered, flow_.spec.omit > nanoseconds{0} ? " with the warm-up" : "");
    if (exchanges.missed_slots > 0)
      lines_.line("            {} not started: as many as are allowed were under way",
                  plural(exchanges.missed_slots, "slot"));
  }

  void failed() {
    const Exchanges& exchanges = flow_.exchanges;
    if (exchanges.failures() == 0) {
      lines_.line("  failed    none");
      return;
    }
    std::string kinds;
    for (std::size_t i = 0; i < kConnectionFailures; ++i) {
      if (exchanges.failed[i] == 0) continue;
      std::string kind(to_string(static_cast<ConnectionFailure>(i)));
      for (char& letter : kind) letter = letter == '_' ? ' ' : letter;
      kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", kind, exchanges.failed[i]);
    }
    const double ended = static_cast<double>(exchanges.completed + exchanges.failures());
    lines_.line("  failed    {}: {}",
                lines_.coloured("33", fmt::format("{} ({})", exchanges.failures(),
                                                  percent(static_cast<double>(exchanges.failures()), ended))),
                kinds);
  }

  void table() {
    lines_.heads("time");
    if (tcp()) lines_.times("connect", flow_.exchanges.connect);
    lines_.times(tcp() ? "request to reply" : "first packet", flow_.exchanges.first_packet);
    lines_.times("whole exchange", flow_.exchanges.whole);
    if (flow_.spec.rate > 0) lines_.times("lateness of starts", flow_.exchanges.lateness);
  }

  const ConnectionFlowResult& flow_;
  Lines lines_;
};

}  // namespace

std::string render(const std::string& name, const ConnectionFlowResult& flow, const TextOptions& options) {
  return FlowText(flow, options).render(name);
}

std::string header(const ConnectionFlowSpec& spec) {
  return fmt::format("{:>17} {:>10} {:>11} {:>8} {:>7} {:>7} {:>10} {:>10} {:>10} {:>10}", "interval", "completed",
                     "a second", "asked", "failed", "missed", spec.transport == Transport::tcp ? "connect" : "p50",
                     "p99", "exchange", "p99");
}

}  // namespace decoder::text

std::string render_text_row(const ConnectionInterval& interval, const ConnectionFlowSpec& spec) {
  using namespace decoder::text;
  const Exchanges& exchanges = interval.exchanges;
  const double length = std::chrono::duration<double>(interval.end - interval.start).count();
  const double rate = length > 0 ? static_cast<double>(exchanges.completed) / length : 0;
  // Over UDP there is no connect, and an exchange is its first packet's round trip.
  const Distribution& first = spec.transport == Transport::tcp ? exchanges.connect : exchanges.first_packet;
  const auto quantile = [](const Distribution& values, double q) {
    return values.count > 0 ? time(values.quantile(q)) : "-";
  };
  return fmt::format("{:>17} {:>10} {:>11.2f} {:>8} {:>7} {:>7} {:>10} {:>10} {:>10} {:>10}", span(interval),
                     exchanges.completed, rate, share(rate, spec.rate), exchanges.failures(), exchanges.missed_slots,
                     quantile(first, 0.5), quantile(first, 0.99), quantile(exchanges.whole, 0.5),
                     quantile(exchanges.whole, 0.99));
}

}  // namespace paceline
