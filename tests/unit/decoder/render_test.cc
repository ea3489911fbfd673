// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <variant>

#include "paceline/decoder.h"
#include "tests/unit/decoder/golden.h"
#include "tests/unit/decoder/record_file.h"
#include "tests/unit/decoder/stream.h"

namespace paceline::decoder {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

RunResult typical_run() {
  const Stream stream = make_stream(3, 2000, {.loss = 0.001, .duplicates = 0.001, .delayed = 0.002, .unstamped = 0});
  PacketFlowResult flow = live_result(stream, decode_live(stream));
  flow.path = {"192.0.2.7:30899",
               "10.244.1.5:8999",
               "10.0.0.4:41512",
               "192.168.1.4:41512",
               true,
               true,
               3,
               812345ns,
               {{"192.0.2.7:30899", "user", 3, "confirmed"}}};
  flow.sent.bytes = flow.sent.packets * flow.spec.size;
  flow.sent.span = 1999ms;
  flow.stamping = {Hook::tcx, "eth0", ""};
  flow.clock = {ClockVerdict::estimated, 1000s, 2400ns, -310ns, 8, 8, 36us};
  RunResult run;
  run.version = "0.1.0";
  run.started_at = "2025-03-01T12:00:00Z";
  run.sender = {"6.1.0-18-amd64", "A CPU of the client", 2, "tsc", {}};
  run.receiver = {"6.1.0-18-amd64",
                  "A CPU of the node",
                  4,
                  "kvm-clock",
                  {{"eth0", "veth", 1450, "noqueue", {"rx-gro", "tx-tcp-segmentation"}, {"tcx paceline_ether"}}}};
  run.flows.push_back(flow);
  return run;
}

// Everything that deserves a word at once.
RunResult troubled_run() {
  Trouble trouble;
  trouble.map_error = 100'000;
  trouble.lost_tail = 100;
  const Stream stream = make_stream(4, 1000, trouble, Hook::none);
  PacketFlowResult flow = live_result(stream, decode_live(stream));
  flow.complete = false;
  flow.incomplete_reason = "the sender vanished\x1b[2J";
  flow.path.candidates = {{"192.0.2.7:8999", "receiver's port", 64, "no reply in 2 s"},
                          {"192.0.2.7:30899", "advertised", 1, "confirmed"}};
  flow.sent.missed_slots = 4;
  flow.sent.send_retries = 2;
  flow.sent.pacing = Pacing::sleep;
  flow.socket_flows = 3;
  flow.received.beyond_window = 1;
  flow.stamping = {Hook::none, "", "BPF needs CAP_BPF and CAP_NET_ADMIN"};
  flow.clock.error_bound = 250us;
  RunResult run;
  run.version = "0.1.0";
  run.flows = {flow, PacketFlowResult{}};
  return run;
}

RunResult empty_run() {
  RunResult run;
  run.version = "0.1.0";
  run.flows = {PacketFlowResult{}};
  return run;
}

std::string rows() {
  const Stream stream = make_stream(3, 300);
  std::string text = render_text_header(stream.start.spec) + '\n';
  for (const PacketInterval& interval : decode_live(stream))
    text += render_text_row(interval, stream.start.spec) + '\n';
  return text;
}

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

TEST(RenderText, ATypicalRun) { expect_golden("typical.txt", render_text(typical_run())); }
TEST(RenderText, ATroubledRun) { expect_golden("troubled.txt", render_text(troubled_run())); }
TEST(RenderText, Rows) { expect_golden("rows.txt", rows()); }

TEST(RenderText, FitsItsColumns) {
  EXPECT_LE(longest_line(render_text(typical_run())), 110u);
  EXPECT_LE(longest_line(render_text(troubled_run())), 110u);
  EXPECT_LE(longest_line(rows()), 110u);
}

TEST(RenderText, RowsAlignWhateverTheirSize) {
  PacketInterval large;
  large.index = 9999;
  large.start = 99998s;
  large.end = 99999s;
  large.received.packets = 2'000'000;
  large.last_arrival = 1s;
  large.omitted = true;
  PacketFlowSpec fast;
  fast.rate_pps = 2e6;
  EXPECT_EQ(render_text_row(large, fast).size(), render_text_header(fast).size());
  EXPECT_EQ(render_text_row(PacketInterval{}, PacketFlowSpec{}).size(), render_text_header(PacketFlowSpec{}).size());
  fast.batching = Batching::offload;
  EXPECT_EQ(render_text_row(large, fast).size(), render_text_header(fast).size());
  EXPECT_EQ(render_text_row(PacketInterval{}, fast).size(), render_text_header(fast).size());
}

TEST(RenderText, TheLastRowsEndIsRoundedUnlessTheRowIsShort) {
  PacketInterval row;
  row.end = 999'762'100ns;
  EXPECT_THAT(render_text_row(row, PacketFlowSpec{}), HasSubstr(" 0-0.9997621 s "));
  row.last = true;
  EXPECT_THAT(render_text_row(row, PacketFlowSpec{}), HasSubstr(" 0-1 s "));
  row.start = 950ms;
  EXPECT_THAT(render_text_row(row, PacketFlowSpec{}), HasSubstr(" 0.95-0.9997621 s "));
}

TEST(RenderText, RowsOfTheWarmUpAreInBrackets) {
  PacketInterval row;
  row.end = 1s;
  row.omitted = true;
  EXPECT_THAT(render_text_row(row, PacketFlowSpec{}), HasSubstr(" (0-1 s) "));
}

// A flat-out flow in super-packets, with a warm-up.
RunResult offloaded_run() {
  RunResult run = typical_run();
  run.title = "flat out\x1b";
  auto& flow = std::get<PacketFlowResult>(run.flows[0]);
  flow.spec.rate_pps = 0;
  flow.spec.omit = 100ms;
  flow.spec.batching = Batching::offload;
  flow.sent.batching = Batching::offload;
  flow.sent.sends = 32;
  flow.sent.batch = 64;
  flow.sent.omitted = 5000;
  flow.arrivals = {100, 2011, true};
  flow.sender_cpu = {300ms, 1500ms, 2s};
  flow.receiver_cpu = {10ms, 40ms, 2s};
  return run;
}

TEST(RenderText, AnOffloadedRun) {
  const std::string text = render_text(offloaded_run());
  EXPECT_LE(longest_line(text), 110u);
  expect_golden("offloaded.txt", text);
}

TEST(RenderText, WhatTravelledAloneIsNotCalledOffloaded) {
  RunResult run = offloaded_run();
  auto& flow = std::get<PacketFlowResult>(run.flows[0]);
  flow.arrivals.skbs = flow.received.packets;
  EXPECT_THAT(render_text(run), Not(HasSubstr("offload ")));
  EXPECT_FALSE(nlohmann::json::parse(render_json(run)).at("flows").at(0).at("offloaded").get<bool>());
}

TEST(RenderText, AFallBackOfBatchingIsTold) {
  RunResult run = offloaded_run();
  std::get<PacketFlowResult>(run.flows[0]).sent.batching = Batching::several;
  EXPECT_THAT(render_text(run), HasSubstr("batching several instead of offload"));
}

TEST(RenderText, ManyFlowsAreShownAsTheirSum) {
  RunResult run = typical_run();
  run.flows.resize(9, run.flows[0]);
  auto& odd = std::get<PacketFlowResult>(run.flows[4]);
  odd.received.lost = 7;
  odd.sent.span *= 2;
  const std::string text = render_text(run);
  EXPECT_LE(longest_line(text), 110u);
  expect_golden("many.txt", text);
  EXPECT_EQ(nlohmann::json::parse(render_json(run)).at("flows").size(), 9u);
}

TEST(RenderText, APeersTextCannotSteerTheTerminal) { EXPECT_THAT(render_text(troubled_run()), Not(HasSubstr("\x1b"))); }

TEST(RenderText, ColourIsForThoseWhoAskedForIt) {
  EXPECT_THAT(render_text(troubled_run(), {.colour = true}), HasSubstr("\x1b[31mPARTIAL RESULT"));
}

TEST(RenderText, AnEmptyRunIsNoNumbers) {
  const std::string text = render_text(empty_run());
  EXPECT_THAT(text, HasSubstr("the sender did not tell"));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
}

TEST(RenderJson, ATypicalRun) { expect_golden("typical.json", render_json(typical_run()) + '\n'); }
TEST(RenderJson, ATroubledRun) { expect_golden("troubled.json", render_json(troubled_run()) + '\n'); }

TEST(RenderJson, AnOffloadedRun) { expect_golden("offloaded.json", render_json(offloaded_run()) + '\n'); }

TEST(RenderJson, NumbersAreTheModelsOwn) {
  const RunResult run = typical_run();
  const auto& flow = std::get<PacketFlowResult>(run.flows[0]);
  const auto json = nlohmann::json::parse(render_json(run));
  EXPECT_TRUE(json.at("complete").get<bool>());
  const auto& rendered = json.at("flows").at(0);
  EXPECT_EQ(rendered.at("received").at("lost").get<std::int64_t>(), flow.received.lost);
  EXPECT_EQ(rendered.at("received").at("rate_pps").get<double>(),
            rate_pps(flow.received.packets, flow.last_arrival - flow.first_arrival));
  const auto& delay = rendered.at("segments").at(0).at("delay_ns");
  EXPECT_EQ(delay.at("mean").get<double>(), flow.statistics.segments[0].mean());
  EXPECT_EQ(delay.at("p999").get<std::int64_t>(), flow.statistics.segments[0].quantile(0.999));
  EXPECT_EQ(rendered.at("clock").at("offset_ns").get<std::int64_t>(), 1'000'000'000'000);
}

TEST(RenderJson, NothingMeasuredIsNull) {
  const auto json = nlohmann::json::parse(render_json(empty_run()));
  const auto& flow = json.at("flows").at(0);
  EXPECT_EQ(flow.at("segments").at(0).at("delay_ns").at("count"), 0);
  EXPECT_TRUE(flow.at("segments").at(0).at("delay_ns").at("min").is_null());
  EXPECT_TRUE(json.at("started_at").is_null());
  EXPECT_FALSE(json.at("complete").get<bool>());
}

TEST(RenderJson, BytesThatAreNoTextAreReplaced) {
  RunResult run = typical_run();
  std::get<PacketFlowResult>(run.flows[0]).path.dialled = "\xFF\xFE";
  EXPECT_NO_THROW(nlohmann::json::parse(render_json(run)));
}

TEST(RenderNdjson, ALineAnIntervalThenTheSummary) {
  PacketInterval interval;
  interval.index = 7;
  interval.corrections = {{3, -2}};
  const std::string line = render_ndjson(1, interval);
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json.at("type"), "interval");
  EXPECT_EQ(json.at("flow"), 1);
  EXPECT_EQ(json.at("index"), 7);
  EXPECT_EQ(json.at("corrections").at(0).at("lost"), -2);
  const std::string summary = render_ndjson(typical_run());
  EXPECT_THAT(summary, Not(HasSubstr("\n")));
  auto members = nlohmann::json::parse(summary);
  EXPECT_EQ(members.at("type"), "summary");
  members.erase("type");
  EXPECT_EQ(members, nlohmann::json::parse(render_json(typical_run())));
}

}  // namespace
}  // namespace paceline::decoder
