// SPDX-License-Identifier: MIT
//
// Time series and summaries as CSV. What was not measured, or is not of a flow's kind, is an empty cell.
#include <algorithm>
#include <string>
#include <string_view>
#include <variant>

#include "decoder/csv_cells.h"
#include "decoder/render_numbers.h"
#include "paceline/decoder.h"

namespace paceline {

namespace {

using decoder::CsvCells;

constexpr std::string_view kRow = "flow,meter,start_ns,end_ns,omitted,last";
constexpr std::string_view kPackets =
    "packets,bytes,rate_pps,rate_bps,lost,duplicated,reordered,"
    "delay_min_ns,delay_mean_ns,delay_stddev_ns,delay_p50_ns,delay_p99_ns,delay_max_ns,"
    "jitter_mean_ns,jitter_p99_ns,jitter_max_ns,ipdv_p50_ns,ipdv_p99_ns";
constexpr std::string_view kTcp =
    "one_sided,written_bytes,received_bytes,goodput_bps,retransmits,smoothed_rtt_ns,delivery_rate_bps,"
    "host_delay_p50_ns,host_delay_p99_ns,host_delay_max_ns";
constexpr std::string_view kConnections =
    "started,completed,failed,missed_slots,rate_cps,connect_p50_ns,connect_p99_ns,connect_max_ns,"
    "first_packet_p50_ns,first_packet_p99_ns,first_packet_max_ns,exchange_p50_ns,exchange_p99_ns,exchange_max_ns,"
    "lateness_p99_ns";

std::size_t columns(std::string_view names) { return 1 + static_cast<std::size_t>(std::ranges::count(names, ',')); }

// The cells that all kinds of row begin with.
template <class Interval>
CsvCells begin(std::size_t flow, std::string_view meter, const Interval& interval) {
  CsvCells cells;
  cells.add(flow);
  cells.add(meter);
  cells.add(interval.start.count());
  cells.add(interval.end.count());
  cells.add(interval.omitted ? 1 : 0);
  cells.add(interval.last ? 1 : 0);
  return cells;
}

double per_second(double amount, nanoseconds span) {
  return span > nanoseconds{0} ? amount * 1e9 / static_cast<double>(span.count()) : 0;
}

void add_tail(CsvCells& cells, const Distribution& of) {
  cells.add(of, of.quantile(0.5));
  cells.add(of, of.quantile(0.99));
  cells.add(of, of.max);
}

void add(CsvCells& cells, const PacketInterval& interval) {
  const Received& received = interval.received;
  const nanoseconds span = interval.end - interval.start;
  const Distribution& delay = interval.statistics.segments[0];
  const Distribution& jitter = interval.statistics.jitter;
  const Distribution& ipdv = interval.statistics.ipdv;
  cells.add(received.packets);
  cells.add(received.bytes);
  cells.decimals(per_second(static_cast<double>(received.packets), span));
  cells.decimals(per_second(static_cast<double>(received.bytes) * 8, span));
  cells.add(received.lost);
  cells.add(received.duplicated);
  cells.add(received.reordered);
  cells.add(delay, delay.min);
  cells.decimals(delay, delay.mean());
  cells.decimals(delay, delay.stddev());
  add_tail(cells, delay);
  cells.decimals(jitter, jitter.mean());
  cells.add(jitter, jitter.quantile(0.99));
  cells.add(jitter, jitter.max);
  cells.add(ipdv, ipdv.quantile(0.5));
  cells.add(ipdv, ipdv.quantile(0.99));
}

void add(CsvCells& cells, const TcpInterval& interval) {
  const StreamInterval all = decoder::sum(interval);
  cells.add(interval.one_sided ? 1 : 0);
  cells.add(all.written);
  cells.add(all.received);
  cells.decimals(decoder::goodput_bps(interval, all.received));
  cells.add(all.retransmits);
  cells.add(all.info.smoothed_rtt.count());
  cells.decimals(all.info.delivery_rate_bps);
  add_tail(cells, interval.host_delay);
}

void add(CsvCells& cells, const ConnectionInterval& interval) {
  const Exchanges& exchanges = interval.exchanges;
  cells.add(exchanges.started);
  cells.add(exchanges.completed);
  cells.add(exchanges.failures());
  cells.add(exchanges.missed_slots);
  cells.decimals(per_second(static_cast<double>(exchanges.completed), interval.end - interval.start));
  add_tail(cells, exchanges.connect);
  add_tail(cells, exchanges.first_packet);
  add_tail(cells, exchanges.whole);
  cells.add(exchanges.lateness, exchanges.lateness.quantile(0.99));
}

constexpr std::string_view kSummary =
    "flow,name,kind,meter,complete,asked_rate_pps,asked_rate_bps,sent_packets,sent_bytes,packets,bytes,rate_pps,rate_"
    "bps,"
    "lost,duplicated,reordered,delay_min_ns,delay_mean_ns,delay_stddev_ns,delay_p50_ns,delay_p90_ns,delay_p99_ns,"
    "delay_p999_ns,delay_max_ns,jitter_mean_ns,ipdv_p99_ns,lateness_p99_ns,lateness_max_ns,retransmits,completed,"
    "failed,"
    "rate_cps,connect_p50_ns,connect_p99_ns,exchange_p50_ns,exchange_p99_ns,exchange_max_ns";

template <class Flow>
void begin_summary(CsvCells& cells, std::size_t number, const Flow& flow, std::string_view kind,
                   std::string_view meter) {
  cells.add(number);
  cells.text(flow.spec.name);
  cells.add(kind);
  cells.add(meter);
  cells.add(flow.complete ? 1 : 0);
}

// A flow with nothing asked goes as fast as can be.
void add_asked(CsvCells& cells, double asked) {
  if (asked > 0)
    cells.decimals(asked);
  else
    cells.blanks(1);
}

void add_packets(CsvCells& cells, std::size_t number, const PacketFlowResult& flow, Meter meter,
                 const Received& received, nanoseconds span, const Statistics& statistics) {
  const Distribution& delay = statistics.segments[0];
  begin_summary(cells, number, flow, "packets", to_string(meter));
  add_asked(cells, flow.spec.rate_pps);
  add_asked(cells, flow.spec.model || flow.spec.trace ? 0 : flow.spec.rate_pps * 8 * flow.spec.size);
  cells.add(flow.sent.packets);
  cells.add(flow.sent.bytes);
  cells.add(received.packets);
  cells.add(received.bytes);
  cells.decimals(rate_pps(received.packets, span));
  cells.decimals(decoder::rate_bps(received.packets, received.bytes, span));
  cells.add(received.lost);
  cells.add(received.duplicated);
  cells.add(received.reordered);
  cells.add(delay, delay.min);
  cells.decimals(delay, delay.mean());
  cells.decimals(delay, delay.stddev());
  for (const double q : {0.5, 0.9, 0.99, 0.999}) cells.add(delay, delay.quantile(q));
  cells.add(delay, delay.max);
  cells.decimals(statistics.jitter, statistics.jitter.mean());
  cells.add(statistics.ipdv, statistics.ipdv.quantile(0.99));
  cells.add(flow.sent.lateness, flow.sent.lateness.quantile(0.99));
  cells.add(flow.sent.lateness, flow.sent.lateness.max);
}

// What one way gave, and in a row of its own what came back. An echo request is answered by a kernel, which counts
// nothing.
std::string summary(std::size_t number, const PacketFlowResult& flow) {
  std::string rows;
  const auto add_row = [&](Meter meter, const Received& received, nanoseconds span, const Statistics& statistics) {
    CsvCells cells;
    add_packets(cells, number, flow, meter, received, span, statistics);
    rows += cells.take(columns(kSummary)) + '\n';
  };
  if (flow.spec.transport != Transport::icmp)
    add_row(Meter::one_way, flow.received, flow.last_arrival - flow.first_arrival, flow.statistics);
  if (flow.round_trip) {
    const RoundTrip& back = *flow.round_trip;
    add_row(Meter::round_trip, back.received, back.last_arrival - back.first_arrival, back.statistics);
  }
  return rows;
}

std::string summary(std::size_t number, const TcpFlowResult& flow) {
  std::uint64_t retransmits = 0;
  for (const StreamResult& stream : flow.streams) retransmits += stream.retransmits;
  CsvCells cells;
  begin_summary(cells, number, flow, "throughput", "tcp");
  cells.blanks(1);
  add_asked(cells, flow.spec.bitrate_bps);
  cells.blanks(1);
  cells.add(flow.written);
  cells.blanks(1);
  cells.add(flow.received);
  cells.blanks(1);
  cells.decimals(decoder::goodput_bps(flow));
  cells.blanks(15);
  cells.add(retransmits);
  return cells.take(columns(kSummary)) + '\n';
}

std::string summary(std::size_t number, const ConnectionFlowResult& flow) {
  const Exchanges& exchanges = flow.exchanges;
  CsvCells cells;
  begin_summary(cells, number, flow, "connections", to_string(flow.spec.transport));
  add_asked(cells, flow.spec.rate);
  cells.blanks(20);
  cells.add(exchanges.lateness, exchanges.lateness.quantile(0.99));
  cells.add(exchanges.lateness, exchanges.lateness.max);
  cells.blanks(1);
  cells.add(exchanges.completed);
  cells.add(exchanges.failures());
  cells.decimals(decoder::rate_cps(flow));
  cells.add(exchanges.connect, exchanges.connect.quantile(0.5));
  cells.add(exchanges.connect, exchanges.connect.quantile(0.99));
  add_tail(cells, exchanges.whole);
  return cells.take(columns(kSummary)) + '\n';
}

}  // namespace

CsvIntervals::CsvIntervals(const std::vector<FlowSpec>& flows) {
  for (const FlowSpec& flow : flows) {
    packets_ = packets_ || std::holds_alternative<PacketFlowSpec>(flow);
    tcp_ = tcp_ || std::holds_alternative<TcpFlowSpec>(flow);
    connections_ = connections_ || std::holds_alternative<ConnectionFlowSpec>(flow);
  }
}

std::string CsvIntervals::header() const {
  std::string names(kRow);
  const auto add_names = [&](bool wanted, std::string_view more) {
    if (wanted) names.append(",").append(more);
  };
  add_names(packets_, kPackets);
  add_names(tcp_, kTcp);
  add_names(connections_, kConnections);
  return names;
}

std::string CsvIntervals::row(std::size_t flow, const PacketInterval& interval) const {
  CsvCells cells = begin(flow, to_string(interval.meter), interval);
  add(cells, interval);
  return cells.take(columns(header()));
}

std::string CsvIntervals::row(std::size_t flow, const TcpInterval& interval) const {
  CsvCells cells = begin(flow, "tcp", interval);
  if (packets_) cells.blanks(columns(kPackets));
  add(cells, interval);
  return cells.take(columns(header()));
}

std::string CsvIntervals::row(std::size_t flow, const ConnectionInterval& interval) const {
  CsvCells cells = begin(flow, "connections", interval);
  if (packets_) cells.blanks(columns(kPackets));
  if (tcp_) cells.blanks(columns(kTcp));
  add(cells, interval);
  return cells.take(columns(header()));
}

std::string render_csv_summary(const RunResult& run) {
  std::string text(kSummary);
  text += '\n';
  for (std::size_t i = 0; i < run.flows.size(); ++i)
    text += std::visit([i](const auto& flow) { return summary(i, flow); }, run.flows[i]);
  return text;
}

}  // namespace paceline
