// SPDX-License-Identifier: MIT
#include "paceline/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "decoder/json.h"
#include "decoder/report/page.h"

namespace paceline {

namespace {

using decoder::Json;

constexpr std::size_t kMostRows = 250'000;  // of all flows
constexpr std::size_t kMostStreams = 8;     // of a TCP flow

// What is kept of an interval, by its place in the interval's JSON.
using Columns = std::vector<std::string>;

Columns packet_columns() {
  Columns columns{"/start_ns",
                  "/end_ns",
                  "/received/packets",
                  "/received/lost",
                  "/received/duplicated",
                  "/received/reordered",
                  "/received/rate_pps",
                  "/received/rate_bps",
                  "/received/missed",
                  "/smoothed_jitter_ns",
                  "/segments/0/delay_ns/min",
                  "/segments/0/delay_ns/max"};
  for (std::size_t segment = 0; segment < kSegmentCount; ++segment) {
    for (const std::string_view figure : {"mean", "p50", "p99"})
      columns.push_back(fmt::format("/segments/{}/delay_ns/{}", segment, figure));
  }
  return columns;
}

Columns tcp_columns(std::size_t streams) {
  Columns columns{"/start_ns", "/end_ns", "/sent/bytes", "/sent/retransmits", "/received/goodput_bps"};
  for (std::size_t stream = 0; stream < std::min(streams, kMostStreams); ++stream) {
    for (const std::string_view member :
         {"received/goodput_bps", "tcp_info/smoothed_rtt_ns", "tcp_info/congestion_window_bytes"})
      columns.push_back(fmt::format("/streams/{}/{}", stream, member));
  }
  return columns;
}

Columns connection_columns() {
  Columns columns{"/start_ns", "/end_ns", "/exchanges/started", "/exchanges/completed", "/exchanges/failed/total"};
  for (const std::string_view what : {"connect_ns", "first_packet_ns"}) {
    for (const std::string_view figure : {"p50", "p99", "max"}) columns.push_back(fmt::format("/{}/{}", what, figure));
  }
  return columns;
}

double value_at(const Json& interval, const std::string& place) {
  const Json::json_pointer pointer(place);
  if (!interval.contains(pointer)) return std::nan("");
  const Json& value = interval.at(pointer);
  return value.is_number() ? value.get<double>() : std::nan("");
}

Json number(double value) {
  constexpr double kExact = 1LL << 53;
  if (!std::isfinite(value)) return nullptr;
  if (value == std::trunc(value) && std::abs(value) < kExact) return static_cast<std::int64_t>(value);
  return value;
}

}  // namespace

struct Report::Rows {
  struct Flow {
    Columns columns;
    std::vector<double> values;  // row by row

    std::size_t rows() const { return columns.empty() ? 0 : values.size() / columns.size(); }
    void correct(std::uint64_t row, std::int64_t lost);
  };

  Flow& of(std::size_t flow) {
    if (flow >= flows.size()) flows.resize(flow + 1);
    return flows[flow];
  }
  void add(std::size_t flow, const Json& interval) {
    if (kept == kMostRows) {
      ++left_out;
      return;
    }
    ++kept;
    for (const std::string& column : flows[flow].columns) flows[flow].values.push_back(value_at(interval, column));
  }

  std::vector<Flow> flows;
  std::size_t kept = 0, left_out = 0;
};

// A late packet was no loss of the interval that had missed it.
void Report::Rows::Flow::correct(std::uint64_t row, std::int64_t lost) {
  const auto place = static_cast<std::size_t>(std::ranges::find(columns, "/received/lost") - columns.begin());
  if (row < rows()) values[row * columns.size() + place] += static_cast<double>(lost);
}

Report::Report() : rows_(std::make_unique<Rows>()) {}
Report::~Report() = default;

void Report::interval(std::size_t flow, const PacketInterval& interval) {
  Rows::Flow& rows = rows_->of(flow);
  if (rows.columns.empty()) rows.columns = packet_columns();
  std::int64_t own_loss = interval.received.lost;  // which holds its corrections of others
  for (const Correction& correction : interval.corrections) {
    rows.correct(correction.interval, correction.lost);
    own_loss -= correction.lost;
  }
  Json json = decoder::to_json(flow, interval);
  json["received"]["lost"] = own_loss;
  rows_->add(flow, json);
}

void Report::interval(std::size_t flow, const TcpInterval& interval) {
  Rows::Flow& rows = rows_->of(flow);
  if (rows.columns.empty()) rows.columns = tcp_columns(interval.streams.size());
  rows_->add(flow, decoder::to_json(flow, interval));
}

void Report::interval(std::size_t flow, const ConnectionInterval& interval) {
  Rows::Flow& rows = rows_->of(flow);
  if (rows.columns.empty()) rows.columns = connection_columns();
  rows_->add(flow, decoder::to_json(flow, interval));
}

std::string Report::html(const RunResult& run, const std::string& source) const {
  Json members;
  decoder::add_members(members, run, decoder::Detail::histograms);
  Json flows = Json::array();
  for (const Rows::Flow& flow : rows_->flows) {
    Json rows = Json::array();
    for (std::size_t row = 0; row < flow.rows(); ++row) {
      Json values = Json::array();
      for (const double value : std::span(flow.values).subspan(row * flow.columns.size(), flow.columns.size()))
        values.push_back(number(value));
      rows.push_back(std::move(values));
    }
    flows.push_back({{"columns", flow.columns}, {"rows", std::move(rows)}});
  }
  Json notes = Json::array();
  if (rows_->left_out > 0)
    notes.push_back(fmt::format("{} intervals are left out of the charts over time: a report holds {}", rows_->left_out,
                                kMostRows));
  const Json data{{"source", decoder::text_or_null(source)},
                  {"notes", std::move(notes)},
                  {"run", std::move(members)},
                  {"rows", std::move(flows)}};
  return decoder::report_page(run.title.empty() ? "Paceline" : run.title + " - Paceline", decoder::dump(data, -1));
}

std::string render_html(const Comparison& comparison) {
  return decoder::report_page(comparison.title.empty() ? "Paceline" : comparison.title + " - Paceline",
                              "{\"comparison\":" + render_json(comparison) + "}");
}

}  // namespace paceline
