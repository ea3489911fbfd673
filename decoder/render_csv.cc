// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <iterator>

#include "paceline/decoder.h"

namespace paceline {

namespace {

constexpr const char* kHead =
    "flow,meter,start_ns,end_ns,omitted,last,packets,bytes,rate_pps,rate_bps,lost,duplicated,reordered,"
    "delay_min_ns,delay_mean_ns,delay_stddev_ns,delay_p50_ns,delay_p99_ns,delay_max_ns,"
    "jitter_mean_ns,jitter_p99_ns,jitter_max_ns,ipdv_p50_ns,ipdv_p99_ns";

class Cells {
 public:
  template <class Value>
  void add(const Value& value) {
    fmt::format_to(std::back_inserter(text_), "{}{}", text_.empty() ? "" : ",", value);
  }
  // Of nothing there is no figure.
  template <class Value>
  void add(const Distribution& of, const Value& value) {
    if (of.count > 0)
      add(value);
    else
      text_ += ',';
  }
  void decimals(double value) { add(fmt::format("{:.3f}", value)); }
  void decimals(const Distribution& of, double value) { add(of, fmt::format("{:.3f}", value)); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

std::string render_csv_header() { return kHead; }

std::string render_csv(std::size_t flow, const PacketInterval& interval) {
  const Received& received = interval.received;
  const double span = std::chrono::duration<double>(interval.end - interval.start).count();
  const auto per_second = [&](std::uint64_t amount) { return span > 0 ? static_cast<double>(amount) / span : 0; };
  const Distribution& delay = interval.statistics.segments[0];
  const Distribution& jitter = interval.statistics.jitter;
  const Distribution& ipdv = interval.statistics.ipdv;

  Cells cells;
  cells.add(flow);
  cells.add(to_string(interval.meter));
  cells.add(interval.start.count());
  cells.add(interval.end.count());
  cells.add(interval.omitted ? 1 : 0);
  cells.add(interval.last ? 1 : 0);
  cells.add(received.packets);
  cells.add(received.bytes);
  cells.decimals(per_second(received.packets));
  cells.decimals(per_second(received.bytes) * 8);
  cells.add(received.lost);
  cells.add(received.duplicated);
  cells.add(received.reordered);
  cells.add(delay, delay.min);
  cells.decimals(delay, delay.mean());
  cells.decimals(delay, delay.stddev());
  cells.add(delay, delay.quantile(0.5));
  cells.add(delay, delay.quantile(0.99));
  cells.add(delay, delay.max);
  cells.decimals(jitter, jitter.mean());
  cells.add(jitter, jitter.quantile(0.99));
  cells.add(jitter, jitter.max);
  cells.add(ipdv, ipdv.quantile(0.5));
  cells.add(ipdv, ipdv.quantile(0.99));
  return cells.take();
}

}  // namespace paceline
