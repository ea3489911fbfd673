// SPDX-License-Identifier: MIT
#include "decoder/render_itg.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "decoder/text.h"

namespace paceline::decoder {

namespace {

constexpr const char* kRule = "----------------------------------------------------------\n";
constexpr const char* kTotalHead =
    "__________________________________________________________\n"
    "****************  TOTAL RESULTS   ******************\n"
    "__________________________________________________________\n";

/// What the lines of a flow and of the total are made of.
struct Figures {
  nanoseconds first{0}, last{0};  // arrivals, by the receiver's clock
  std::uint64_t packets = 0, bytes = 0;
  std::int64_t lost = 0;
  std::uint64_t loss_runs = 0;
  Distribution delay, jitter;

  explicit Figures(const ItgFlow& flow)
      : first(flow.start + flow.result.first_arrival),
        last(flow.start + flow.result.last_arrival),
        packets(flow.result.received.packets),
        bytes(flow.result.received.bytes),
        lost(flow.result.received.lost),
        loss_runs(flow.loss_runs),
        delay(flow.result.statistics.segments[0]),
        jitter(flow.result.statistics.jitter) {}
  Figures() = default;

  void add(const Figures& more) {
    if (more.packets > 0) {
      first = packets > 0 ? std::min(first, more.first) : more.first;
      last = packets > 0 ? std::max(last, more.last) : more.last;
    }
    packets += more.packets;
    bytes += more.bytes;
    lost += more.lost;
    loss_runs += more.loss_runs;
    delay.merge(more.delay);
    jitter.merge(more.jitter);
  }
};

class ItgText {
 public:
  void flow(std::size_t number, const ItgFlow& flow) {
    const PathResult& path = flow.result.path;
    text_ += kRule;
    fmt::format_to(std::back_inserter(text_), "Flow number: {}\nFrom {}\nTo    {}\n", number, address(path.seen_from),
                   address(path.arrived_at));
    text_ += kRule;
    figures(Figures(flow), false);
    text_ += kRule;
  }

  void total(std::size_t flows, const Figures& all, std::uint64_t errors) {
    text_ += '\n';
    text_ += kTotalHead;
    count("Number of flows", flows);
    figures(all, true);
    count("Error lines", errors);
    text_ += kRule;
  }

  std::string take() { return std::move(text_); }

 private:
  // ITGDec writes IPv6 addresses without brackets.
  static std::string address(const std::string& endpoint) {
    std::string shown = text::known(endpoint);
    std::erase_if(shown, [](char c) { return c == '[' || c == ']'; });
    return shown;
  }

  void figures(const Figures& f, bool total) {
    const double span = std::chrono::duration<double>(f.last - f.first).count();
    const auto per_second = [&](double amount) { return span > 0 ? amount / span : 0; };
    const auto packets = static_cast<double>(f.packets);
    const double expected = packets + static_cast<double>(f.lost);
    const double run = f.loss_runs > 0 ? static_cast<double>(f.lost) / static_cast<double>(f.loss_runs) : 0;

    seconds("Total time", span * 1e9);
    count("Total packets", f.packets);
    seconds("Minimum delay", static_cast<double>(f.delay.min));
    seconds("Maximum delay", static_cast<double>(f.delay.max));
    seconds("Average delay", f.delay.mean());
    seconds("Average jitter", f.jitter.mean());
    seconds("Delay standard deviation", f.delay.stddev());
    count("Bytes received", f.bytes);
    line("Average bitrate", fmt::format("{:13.6f} Kbit/s", per_second(static_cast<double>(f.bytes) * 8 / 1000)));
    line("Average packet rate", fmt::format("{:13.6f} pkt/s", per_second(packets)));
    line("Packets dropped",
         fmt::format("{:13} ({:.2f} %)", f.lost, expected > 0 ? 100 * static_cast<double>(f.lost) / expected : 0));
    // ITGDec's total has no decimals when nothing was lost.
    line("Average loss-burst size",
         total && f.lost == 0 ? fmt::format("{:13} pkt", 0) : fmt::format("{:13.6f} pkt", run));
  }

  void seconds(const char* name, double ns) { line(name, fmt::format("{:13.6f} s", ns / 1e9)); }
  void count(const char* name, std::uint64_t number) { line(name, fmt::format("{:13}", number)); }
  void line(const char* name, const std::string& value) {
    fmt::format_to(std::back_inserter(text_), "{:<25}= {}\n", name, value);
  }

  std::string text_;
};

}  // namespace

std::string render_itg(const std::vector<ItgFlow>& flows, std::uint64_t errors) {
  ItgText text;
  Figures all;
  for (std::size_t i = 0; i < flows.size(); ++i) {
    text.flow(i + 1, flows[i]);
    all.add(Figures(flows[i]));
  }
  text.total(flows.size(), all, errors);
  return text.take();
}

}  // namespace paceline::decoder
