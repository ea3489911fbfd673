// SPDX-License-Identifier: MIT
//
// TCP and connection flows as text and JSON.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <variant>

#include "decoder/histogram.h"
#include "decoder/totals.h"
#include "paceline/decoder.h"
#include "tests/unit/decoder/golden.h"

namespace paceline::decoder {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

Distribution distribution(std::initializer_list<std::int64_t> values) {
  Histogram histogram;
  for (const std::int64_t value : values) histogram.record(value);
  return histogram.take();
}

TcpInterval tcp_row(std::uint64_t index, std::size_t streams) {
  TcpInterval row;
  row.index = index;
  row.start = static_cast<std::int64_t>(index) * 1s;
  row.end = row.start + 1s;
  for (std::size_t i = 0; i < streams; ++i) {
    StreamInterval stream;
    stream.written = 15'700'000 + index * 100'000 + i * 1000;
    stream.received = 15'600'000 + index * 100'000 + i * 1000;
    stream.retransmits = i == 1 ? 3 : 0;
    stream.info = {i == 1 ? 3 * (index + 1) : 0,
                   i == 1 ? 4344 * (index + 1) : 0,
                   812us,
                   93us,
                   640us,
                   120,
                   1448,
                   126.5e6,
                   250e6,
                   1s,
                   20ms,
                   5ms};
    stream.wire = {300, 10'800, 15'600'000, i == 1 ? 4344u : 0u, 238, 0};
    row.streams.push_back(stream);
  }
  row.host_delay = distribution({42'000, 55'000, 180'000});
  row.arrival_gap = distribution({4'100'000, 4'200'000});
  return row;
}

TcpFlowResult tcp_flow(std::size_t streams) {
  TcpFlowResult flow;
  flow.flow_id = 0xABCDEF;
  flow.spec.streams = static_cast<std::uint32_t>(streams);
  flow.spec.bitrate_bps = 500e6;
  flow.spec.duration = 3s;
  flow.spec.omit = 1s;
  flow.complete = true;
  flow.path = {"192.0.2.7:30899",
               "10.244.1.5:8999",
               "10.0.0.4:41512",
               "192.168.1.4:41512",
               true,
               true,
               1,
               812345ns,
               {{"192.0.2.7:30899", "user", 1, "confirmed"}}};
  flow.congestion = "cubic";
  for (std::uint64_t i = 0; i < 4; ++i) {
    TcpInterval row = tcp_row(i, streams);
    row.omitted = i == 0;
    accumulate(flow, row);
  }
  for (std::size_t i = 0; i < streams; ++i) {
    StreamResult& stream = flow.streams[i];
    stream.sent_from = "192.168.1.4:" + std::to_string(41512 + i);
    stream.connect = 790us;
    stream.first_arrival = 1s + 400us;
    stream.last_arrival = 4s + 1ms;
  }
  flow.first_arrival = 1s + 400us;
  flow.last_arrival = 4s + 1ms;
  flow.stamping = {Hook::tcx, "eth0", ""};
  flow.clock = {ClockVerdict::estimated, 1000s, 2400ns, -310ns, 8, 8, 36us};
  flow.sender_cpu = {21ms, 310ms, 3s};
  flow.receiver_cpu = {35ms, 402ms, 3s};
  return flow;
}

ConnectionInterval connection_row(std::uint64_t index) {
  ConnectionInterval row;
  row.index = index;
  row.start = static_cast<std::int64_t>(index) * 1s;
  row.end = row.start + 1s;
  row.exchanges.started = 1000;
  row.exchanges.completed = 997;
  row.exchanges.failed[static_cast<std::size_t>(ConnectionFailure::refused)] = 2;
  row.exchanges.failed[static_cast<std::size_t>(ConnectionFailure::timed_out)] = 1;
  row.exchanges.missed_slots = 4;
  row.exchanges.connect = distribution({51'000, 60'000, 1'020'000});
  row.exchanges.first_packet = distribution({41'000, 47'000, 90'000});
  row.exchanges.whole = distribution({99'000, 110'000, 1'300'000});
  row.exchanges.lateness = distribution({10, 900, 30'000});
  return row;
}

ConnectionFlowResult connection_flow() {
  ConnectionFlowResult flow;
  flow.flow_id = 0xABCDEF;
  flow.spec.rate = 1000;
  flow.spec.duration = 2s;
  flow.spec.omit = 1s;
  flow.path = tcp_flow(1).path;
  flow.complete = true;
  for (std::uint64_t i = 0; i < 3; ++i) {
    ConnectionInterval row = connection_row(i);
    row.omitted = i == 0;
    accumulate(flow, row);
  }
  flow.answered = 2994;
  flow.span = 1999ms;
  flow.concurrency = 1024;
  flow.sender_cpu = {30ms, 170ms, 2s};
  return flow;
}

RunResult run_of(FlowResult flow) {
  RunResult run;
  run.version = "0.1.0";
  run.title = "a title";
  run.started_at = "2025-03-01T12:00:00Z";
  run.sender = {"6.1.0-18-amd64", "A CPU of the client", 2, "tsc", {}};
  run.receiver = {"6.1.0-18-amd64",
                  "A CPU of the node",
                  4,
                  "kvm-clock",
                  {{"eth0", "veth", 1450, "noqueue", {"rx-gro", "tx-tcp-segmentation"}, {"tcx paceline_ether"}}}};
  run.flows.push_back(std::move(flow));
  return run;
}

std::string text_of(FlowResult flow) { return render_text(run_of(std::move(flow))); }

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

nlohmann::json json_of(FlowResult flow) {
  return nlohmann::json::parse(render_json(run_of(std::move(flow)))).at("flows").at(0);
}

TEST(RenderTcpText, ATypicalFlow) {
  const std::string text = text_of(tcp_flow(2));
  EXPECT_LE(longest_line(text), 110u);
  expect_golden("tcp.txt", text);
}

TEST(RenderTcpText, Rows) {
  TcpFlowSpec spec;
  spec.bitrate_bps = 500e6;
  std::string text = render_text_header(spec) + '\n';
  for (std::uint64_t i = 0; i < 3; ++i) {
    TcpInterval row = tcp_row(i, 4);
    row.omitted = i == 0;
    row.one_sided = i == 2;
    text += render_text_row(row, spec) + '\n';
  }
  TcpInterval remainder = tcp_row(3, 0);
  remainder.last = true;
  text += render_text_row(remainder, spec) + '\n';
  EXPECT_LE(longest_line(text), 110u);
  expect_golden("tcp_rows.txt", text);
}

TEST(RenderTcpText, OfManyStreamsThoseAreShownThatStandOut) {
  TcpFlowResult flow = tcp_flow(100);
  flow.streams[41].ended = "connection reset by peer\x1b";
  const std::string text = text_of(flow);
  EXPECT_LE(longest_line(text), 110u);
  EXPECT_THAT(text, HasSubstr("1 of 100 streams ended early; stream 42: connection reset by peer?"));
  EXPECT_THAT(text, HasSubstr("  least     1 "));
  EXPECT_THAT(text, HasSubstr("  most    100 "));
  EXPECT_THAT(text, HasSubstr("  resent    2 "));
  EXPECT_LT(std::ranges::count(text, '\n'), 40);
}

TEST(RenderTcpText, AFlowOfNothingIsNoNumbers) {
  const std::string text = text_of(TcpFlowResult{});
  EXPECT_THAT(text, HasSubstr("PARTIAL RESULT: unknown"));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
  EXPECT_THAT(text, Not(HasSubstr("inf")));
}

TEST(RenderTcpText, AStreamThatBrokeSaysWhy) {
  TcpFlowResult flow = tcp_flow(2);
  flow.streams[1].ended = "connection reset by peer";
  EXPECT_THAT(text_of(flow), HasSubstr("ended early: connection reset by peer"));
}

TEST(RenderTcpJson, ATypicalFlow) { expect_golden("tcp.json", render_json(run_of(tcp_flow(2))) + '\n'); }

TEST(RenderTcpJson, NumbersAreTheModelsOwn) {
  const TcpFlowResult flow = tcp_flow(2);
  const auto json = json_of(flow);
  EXPECT_EQ(json.at("flow").at("kind"), "tcp");
  EXPECT_EQ(json.at("received").at("bytes").get<std::uint64_t>(), flow.received);
  EXPECT_DOUBLE_EQ(json.at("received").at("goodput_bps").get<double>(), static_cast<double>(flow.received) * 8 / 3.001)
      << "from the end of the warm-up";
  EXPECT_EQ(json.at("goodput_bps").at("max").get<std::int64_t>(), flow.goodput.max);
  EXPECT_EQ(json.at("sent").at("retransmits"), 9);
  EXPECT_EQ(json.at("streams").at(1).at("tcp_info").at("retransmits"), 12) << "the warm-up's are in it";
  EXPECT_DOUBLE_EQ(json.at("cpu").at("sender").at("seconds_per_gigabyte").get<double>(),
                   0.331e9 / static_cast<double>(flow.written));
  EXPECT_DOUBLE_EQ(json.at("fairness").get<double>(), fairness(flow));
}

TEST(RenderTcpJson, TheReceiverOfAReverseFlowSends) {
  TcpFlowResult flow = tcp_flow(1);
  flow.spec.direction = Direction::reverse;
  flow.received = flow.written / 2;
  const auto json = json_of(flow);
  EXPECT_DOUBLE_EQ(json.at("cpu").at("receiver").at("seconds_per_gigabyte").get<double>(),
                   0.437e9 / static_cast<double>(flow.written));
  EXPECT_DOUBLE_EQ(json.at("cpu").at("sender").at("seconds_per_gigabyte").get<double>(),
                   0.331e9 / static_cast<double>(flow.received));
}

TEST(RenderTcpJson, NothingMeasuredIsNull) {
  TcpFlowResult nothing;
  nothing.streams.resize(1);
  const auto json = json_of(nothing);
  EXPECT_TRUE(json.at("sent").at("asked_bps").is_null());
  EXPECT_TRUE(json.at("received").at("first_arrival_ns").is_null());
  EXPECT_TRUE(json.at("goodput_bps").at("mean").is_null());
  EXPECT_TRUE(json.at("fairness").is_null());
  EXPECT_TRUE(json.at("wire").is_null());
  EXPECT_TRUE(json.at("cpu").at("sender").is_null());
  EXPECT_TRUE(json.at("streams").at(0).at("tcp_info").is_null());
}

TEST(RenderTcpJson, ALineAnInterval) {
  const std::string line = render_ndjson(1, tcp_row(2, 2));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  expect_golden("tcp_row.ndjson", line + '\n');
}

TEST(RenderConnectionsText, ATypicalFlow) {
  const std::string text = text_of(connection_flow());
  EXPECT_LE(longest_line(text), 110u);
  expect_golden("connections.txt", text);
}

TEST(RenderConnectionsText, Rows) {
  ConnectionFlowSpec spec;
  spec.rate = 1000;
  ConnectionFlowSpec flat_out;
  flat_out.transport = Transport::udp;
  ConnectionInterval warm_up = connection_row(0);
  warm_up.omitted = true;
  const std::string text = render_text_header(spec) + '\n' + render_text_row(warm_up, spec) + '\n' +
                           render_text_row(connection_row(1), spec) + '\n' + render_text_header(flat_out) + '\n' +
                           render_text_row(connection_row(1), flat_out) + '\n' +
                           render_text_row(ConnectionInterval{}, flat_out) + '\n';
  EXPECT_LE(longest_line(text), 110u);
  expect_golden("connection_rows.txt", text);
}

TEST(RenderConnectionsText, AFlowOfNothingIsNoNumbers) {
  const std::string text = text_of(ConnectionFlowResult{});
  EXPECT_THAT(text, HasSubstr("failed    none"));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
}

TEST(RenderConnectionsJson, ATypicalFlow) {
  expect_golden("connections.json", render_json(run_of(connection_flow())) + '\n');
}

TEST(RenderConnectionsJson, FailuresAreNamed) {
  const auto failed = json_of(connection_flow()).at("exchanges").at("failed");
  EXPECT_EQ(failed.size(), kConnectionFailures + 1);
  EXPECT_EQ(failed.at("total"), 6);
  EXPECT_EQ(failed.at("timed_out"), 2);
}

TEST(RenderConnectionsJson, ALineAnInterval) {
  const auto json = nlohmann::json::parse(render_ndjson(2, connection_row(1)));
  EXPECT_EQ(json.at("kind"), "connections");
  EXPECT_EQ(json.at("flow"), 2);
  EXPECT_EQ(json.at("exchanges").at("completed"), 997);
  EXPECT_EQ(json.at("connect_ns").at("count"), 3);
}

}  // namespace
}  // namespace paceline::decoder
