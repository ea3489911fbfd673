// SPDX-License-Identifier: MIT
//
// TCP flows as JSON.
#include <string>

#include "decoder/json.h"
#include "decoder/render_numbers.h"
#include "decoder/totals.h"
#include "paceline/decoder.h"

namespace paceline {

namespace decoder {

namespace {

Json flow_asked(const TcpFlowSpec& spec, std::uint32_t id) {
  return {{"id", id},
          {"name", text_or_null(spec.name)},
          {"kind", "tcp"},
          {"protocol", "tcp"},
          {"streams", spec.streams},
          {"bitrate_bps", spec.bitrate_bps},
          {"bytes", number_or_null(spec.bytes)},
          {"duration_ns", spec.duration.count()},
          {"omit_ns", spec.omit.count()},
          {"interval_ns", spec.interval.count()},
          {"direction", to_string(spec.direction)},
          {"congestion", text_or_null(spec.congestion)},
          {"mss_bytes", number_or_null(spec.mss)},
          {"socket_buffer_bytes", number_or_null(spec.socket_buffer)},
          {"no_delay", spec.no_delay},
          {"send", to_string(spec.send)},
          {"receive", to_string(spec.receive)},
          {"delay_ns", spec.delay.count()},
          {"socket", to_json(spec.socket)}};
}

Json tcp_info(const TcpInfo& info) {
  if (info.mss == 0) return nullptr;
  return {{"retransmits", info.retransmits},
          {"retransmitted_bytes", info.bytes_retransmitted},
          {"smoothed_rtt_ns", info.smoothed_rtt.count()},
          {"rtt_variance_ns", info.rtt_variance.count()},
          {"min_rtt_ns", info.min_rtt.count()},
          {"congestion_window_segments", info.congestion_window},
          {"congestion_window_bytes", window_bytes(info)},
          {"mss_bytes", info.mss},
          {"delivery_rate_bps", info.delivery_rate_bps},
          {"pacing_rate_bps", number_or_null(info.pacing_rate_bps)},
          {"busy_ns", info.busy.count()},
          {"receive_window_limited_ns", info.receive_window_limited.count()},
          {"send_buffer_limited_ns", info.send_buffer_limited.count()}};
}

Json wire_counts(const WireCounts& wire) {
  if (wire.skbs == 0) return nullptr;
  return {{"skbs", wire.skbs},         {"segments", wire.segments},
          {"bytes", wire.bytes},       {"retransmitted_bytes", wire.retransmitted_bytes},
          {"granules", wire.granules}, {"granules_missed", wire.granules_missed}};
}

Json received(std::uint64_t bytes, double goodput, nanoseconds first, nanoseconds last) {
  Json json{{"bytes", bytes}, {"goodput_bps", goodput}, {"first_arrival_ns", nullptr}, {"last_arrival_ns", nullptr}};
  if (bytes > 0) {
    json["first_arrival_ns"] = first.count();
    json["last_arrival_ns"] = last.count();
  }
  return json;
}

Json streams(const TcpFlowResult& flow, Detail detail) {
  Json list = Json::array();
  for (const StreamResult& stream : flow.streams) {
    list.push_back({{"sent_from", text_or_null(stream.sent_from)},
                    {"connect_ns", stream.connect.count()},
                    {"sent", {{"bytes", stream.written}, {"retransmits", stream.retransmits}}},
                    {"received", received(stream.received, goodput_bps(stream, flow.spec), stream.first_arrival,
                                          stream.last_arrival)},
                    {"goodput_bps", to_json(stream.goodput, detail)},
                    {"tcp_info", tcp_info(stream.info)},
                    {"wire", wire_counts(stream.wire)},
                    {"ended", text_or_null(stream.ended)}});
  }
  return list;
}

}  // namespace

Json to_json(const TcpFlowResult& flow, Detail detail) {
  std::uint64_t retransmits = 0;
  for (const StreamResult& stream : flow.streams) retransmits += stream.retransmits;
  Json total = received(flow.received, goodput_bps(flow), flow.first_arrival, flow.last_arrival);
  total["omitted_bytes"] = flow.omitted_bytes;
  const bool reverse = flow.spec.direction == Direction::reverse;
  return {{"flow", flow_asked(flow.spec, flow.flow_id)},
          {"path", to_json(flow.path)},
          {"complete", flow.complete},
          {"incomplete_reason", text_or_null(flow.incomplete_reason)},
          {"sent",
           {{"bytes", flow.written},
            {"asked_bytes", number_or_null(flow.spec.bytes)},
            {"asked_bps", number_or_null(flow.spec.bitrate_bps)},
            {"retransmits", retransmits},
            {"congestion", text_or_null(flow.congestion)}}},
          {"received", total},
          {"goodput_bps", to_json(flow.goodput, detail)},
          {"fairness", number_or_null(fairness(flow))},
          {"streams", streams(flow, detail)},
          {"wire", wire_counts(flow.wire)},
          {"host_delay_ns", to_json(flow.host_delay, detail)},
          {"arrival_gap_ns", to_json(flow.arrival_gap, detail)},
          {"stamping",
           {{"rx.tc",
             {{"hook", to_string(flow.stamping.hook)},
              {"interface", text_or_null(flow.stamping.interface)},
              {"reason", text_or_null(flow.stamping.reason)}}}}},
          {"clock", to_json(flow.clock)},
          {"cpu",
           {{"sender", to_json(flow.sender_cpu, reverse ? flow.received : flow.written)},
            {"receiver", to_json(flow.receiver_cpu, reverse ? flow.written : flow.received)}}},
          {"intervals", flow.intervals}};
}

Json to_json(std::size_t flow, const TcpInterval& interval) {
  Json streams = Json::array();
  WireCounts wire;
  for (const StreamInterval& stream : interval.streams) {
    streams.push_back(
        {{"sent", {{"bytes", stream.written}, {"retransmits", stream.retransmits}}},
         {"received", {{"bytes", stream.received}, {"goodput_bps", goodput_bps(interval, stream.received)}}},
         {"tcp_info", tcp_info(stream.info)},
         {"wire", wire_counts(stream.wire)}});
    add(wire, stream.wire);
  }
  const StreamInterval all = sum(interval);
  Json json{{"type", "interval"},
            {"flow", flow},
            {"kind", "tcp"},
            {"index", interval.index},
            {"start_ns", interval.start.count()},
            {"end_ns", interval.end.count()},
            {"last", interval.last},
            {"omitted", interval.omitted},
            {"one_sided", interval.one_sided},
            {"sent", {{"bytes", all.written}, {"retransmits", all.retransmits}}},
            {"received", {{"bytes", all.received}, {"goodput_bps", goodput_bps(interval, all.received)}}},
            {"streams", streams},
            {"wire", wire_counts(wire)},
            {"host_delay_ns", to_json(interval.host_delay)},
            {"arrival_gap_ns", to_json(interval.arrival_gap)}};
  return json;
}

}  // namespace decoder

std::string render_ndjson(std::size_t flow, const TcpInterval& interval) {
  return decoder::dump(decoder::to_json(flow, interval), -1);
}

}  // namespace paceline
