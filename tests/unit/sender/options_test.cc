// SPDX-License-Identifier: MIT
#include "sender/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "sender/suggest.h"

namespace paceline::sender {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct Parsed {
  std::optional<int> exit_code;
  Options options;
  std::string error;
  std::string output;
};

Parsed parse(std::vector<std::string> words) {
  words.insert(words.begin(), "paceline-send");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  Parsed parsed;
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  parsed.exit_code = parse_options(static_cast<int>(arguments.size()), arguments.data(), parsed.options);
  parsed.error = testing::internal::GetCapturedStderr();
  parsed.output = testing::internal::GetCapturedStdout();
  return parsed;
}

template <class Spec>
Spec only_flow(const Parsed& parsed) {
  EXPECT_FALSE(parsed.exit_code) << parsed.error;
  EXPECT_EQ(parsed.options.run.flows.size(), 1u);
  return std::get<Spec>(parsed.options.run.flows.at(0));
}

void expect_usage_error(const std::vector<std::string>& words, const std::string& says) {
  const Parsed parsed = parse(words);
  EXPECT_EQ(parsed.exit_code, 2) << testing::PrintToString(words);
  EXPECT_THAT(parsed.error, HasSubstr(says)) << testing::PrintToString(words);
}

TEST(Latency, DefaultsAreTheModels) {
  const Parsed parsed = parse({"latency", "192.0.2.7"});
  EXPECT_EQ(only_flow<UdpFlowSpec>(parsed), UdpFlowSpec{});
  EXPECT_EQ(parsed.options.run.receiver, (Endpoint{"192.0.2.7", 9000}));
  EXPECT_EQ(parsed.options.format, Format::text);
}

TEST(Latency, EveryOptionArrives) {
  UdpFlowSpec wanted;
  wanted.rate_pps = 2500;
  wanted.size = 200;
  wanted.duration = 5s;
  wanted.omit = 400ms;
  wanted.interval = 200ms;
  wanted.pacing = Pacing::busy;
  wanted.late = LatePolicy::skip;
  wanted.batching = Batching::several;
  wanted.batch = 16;
  const Parsed parsed = parse({"latency",    "[2001:db8::7]:30900",
                               "--rate",     "2.5k",
                               "--size",     "200",
                               "--duration", "5",
                               "--omit",     "400ms",
                               "--interval", "200ms",
                               "--pacing",   "busy",
                               "--late",     "skip",
                               "--batching", "several",
                               "--batch",    "16",
                               "--flows",    "3"});
  ASSERT_FALSE(parsed.exit_code) << parsed.error;
  EXPECT_EQ(parsed.options.run.flows, std::vector<FlowSpec>(3, wanted));
  EXPECT_EQ(parsed.options.run.receiver, (Endpoint{"2001:db8::7", 30900}));
}

TEST(Common, EveryOptionArrives) {
  const Parsed parsed = parse({"connections",
                               "host",
                               "--data-port",
                               "30899",
                               "-6",
                               "--clock",
                               "synchronized",
                               "--source",
                               "[2001:db8::1]:5000",
                               "--flow-label",
                               "0xabcde",
                               "--title",
                               "a title",
                               "--cpus",
                               "0,2-3",
                               "--fifo",
                               "10",
                               "--workers",
                               "2",
                               "--ndjson",
                               "--output",
                               "file"});
  ASSERT_FALSE(parsed.exit_code) << parsed.error;
  const RunSpec& run = parsed.options.run;
  EXPECT_EQ(run.data_port, 30899);
  EXPECT_EQ(run.family, Family::ipv6);
  EXPECT_EQ(run.clock, ClockPolicy::synchronized);
  EXPECT_EQ(run.source, "2001:db8::1");
  EXPECT_EQ(run.source_port, 5000);
  EXPECT_EQ(run.flow_label, 0xABCDEu);
  EXPECT_EQ(run.title, "a title");
  EXPECT_THAT(run.workers.cpus, ElementsAre(0, 2, 3));
  EXPECT_EQ(run.workers.fifo_priority, 10);
  EXPECT_EQ(run.workers.count, 2u);
  EXPECT_EQ(parsed.options.format, Format::ndjson);
  EXPECT_EQ(parsed.options.output, "file");
}

TEST(Throughput, DefaultsAreTheModels) {
  EXPECT_EQ(only_flow<TcpFlowSpec>(parse({"throughput", "host"})), TcpFlowSpec{});
}

TEST(Throughput, EveryTcpOptionArrives) {
  TcpFlowSpec wanted;
  wanted.streams = 4;
  wanted.bitrate_bps = 500e6;
  wanted.bytes = 1'000'000'000;
  wanted.duration = 10s;
  wanted.omit = 2s;
  wanted.interval = 500ms;
  wanted.direction = Direction::reverse;
  wanted.congestion = "bbr";
  wanted.mss = 1400;
  wanted.socket_buffer = 4 * 1024 * 1024;
  wanted.no_delay = true;
  wanted.send = SendMode::zero_copy;
  wanted.receive = ReceiveMode::copy;
  const Parsed parsed = parse({"throughput",   "host",       "--streams",   "4",          "--bitrate",
                               "500M",         "--bytes",    "1G",          "--duration", "10s",
                               "--omit",       "2s",         "--interval",  "500ms",      "--reverse",
                               "--congestion", "bbr",        "--mss",       "1400",       "--socket-buffer",
                               "4MiB",         "--no-delay", "--zero-copy", "--receive",  "copy"});
  EXPECT_EQ(only_flow<TcpFlowSpec>(parsed), wanted);
}

TEST(Throughput, BothWaysAreTwoFlows) {
  const Parsed parsed = parse({"throughput", "host", "--bidirectional", "--bitrate", "1M"});
  ASSERT_EQ(parsed.options.run.flows.size(), 2u) << parsed.error;
  const auto& forward = std::get<TcpFlowSpec>(parsed.options.run.flows[0]);
  auto reverse = std::get<TcpFlowSpec>(parsed.options.run.flows[1]);
  EXPECT_EQ(forward.direction, Direction::forward);
  EXPECT_EQ(reverse.direction, Direction::reverse);
  reverse.direction = Direction::forward;
  EXPECT_EQ(forward, reverse);
}

TEST(Throughput, LatencyUnderLoadIsAFlowBeside) {
  const Parsed parsed = parse({"throughput", "host", "--duration", "7s", "--omit", "1s", "--interval", "500ms",
                               "--with-latency", "2k", "--latency-size", "100"});
  ASSERT_EQ(parsed.options.run.flows.size(), 2u) << parsed.error;
  UdpFlowSpec wanted;
  wanted.rate_pps = 2000;
  wanted.size = 100;
  wanted.duration = 7s;
  wanted.omit = 1s;
  wanted.interval = 500ms;
  EXPECT_EQ(parsed.options.run.flows[1], FlowSpec(wanted));
}

TEST(Throughput, UdpIsOfPackets) {
  const auto flat_out = only_flow<UdpFlowSpec>(parse({"throughput", "host", "--udp"}));
  EXPECT_EQ(flat_out.rate_pps, 0);
  EXPECT_EQ(flat_out.size, 1400u);
  EXPECT_EQ(flat_out.batching, Batching::offload);

  const auto paced = only_flow<UdpFlowSpec>(parse({"throughput", "host", "--udp", "--bitrate", "8M", "--size", "1000",
                                                   "--batching", "single", "--batch", "7", "--pacing", "sleep"}));
  EXPECT_EQ(paced.rate_pps, 1000);
  EXPECT_EQ(paced.batching, Batching::single);
  EXPECT_EQ(paced.batch, 7u);
  EXPECT_EQ(paced.pacing, Pacing::sleep);
}

TEST(Throughput, OptionsOfTheOtherProtocolAreRefused) {
  expect_usage_error({"throughput", "host", "--udp", "--reverse"}, "TCP only");
  expect_usage_error({"throughput", "host", "--udp", "--bidirectional"}, "TCP only");
  expect_usage_error({"throughput", "host", "--udp", "--streams", "2"}, "--udp excludes --streams");
  expect_usage_error({"throughput", "host", "--udp", "--congestion", "bbr"}, "--udp excludes --congestion");
  expect_usage_error({"throughput", "host", "--size", "100"}, "--size requires --udp");
  expect_usage_error({"throughput", "host", "--batching", "single"}, "--batching requires --udp");
  expect_usage_error({"throughput", "host", "--reverse", "--bidirectional"}, "excludes");
  expect_usage_error({"throughput", "host", "--latency-size", "100"}, "requires --with-latency");
}

TEST(Connections, EveryOptionArrives) {
  EXPECT_EQ(only_flow<ConnectionFlowSpec>(parse({"connections", "host"})), ConnectionFlowSpec{});
  ConnectionFlowSpec wanted;
  wanted.transport = Transport::udp;
  wanted.rate = 1500;
  wanted.concurrency = 77;
  wanted.timeout = 300ms;
  wanted.duration = 4s;
  wanted.omit = 1s;
  EXPECT_EQ(only_flow<ConnectionFlowSpec>(parse({"connections", "host", "--udp", "--rate", "1.5k", "--concurrency",
                                                 "77", "--timeout", "300ms", "--duration", "4s", "--omit", "1s"})),
            wanted);
}

TEST(Usage, ValuesOutOfRangeAreNamed) {
  expect_usage_error({"throughput", "host", "--streams", "0"}, "streams is 0");
  expect_usage_error({"throughput", "host", "--streams", "10000"}, "streams '10000'");
  expect_usage_error({"throughput", "host", "--bitrate", "500 Mbit"}, "500 Mbit");
  expect_usage_error({"throughput", "host", "--bitrate", "20T"}, "20T");
  expect_usage_error({"throughput", "host", "--receive", "keep"}, "copy, discard");
  expect_usage_error({"throughput", "host", "--congestion", "../x"}, "congestion");
  expect_usage_error({"latency", "host", "--omit", "1500ms"}, "whole intervals");
  expect_usage_error({"latency", "host", "--flows", "0"}, "flows is 0");
  expect_usage_error({"latency", "host", "--flows", "2000"}, "flows '2000'");
  expect_usage_error({"latency", "host", "--batch", "500"}, "batch '500'");
  expect_usage_error({"latency", "host", "--cpus", "3-1"}, "backwards");
  expect_usage_error({"latency", "host", "--fifo", "100"}, "priority '100'");
  expect_usage_error({"latency", "host", "--flow-label", "0x100000"}, "flow label");
  expect_usage_error({"latency", "host", "--source", "[::1"}, "']' is missing");
  expect_usage_error({"latency", "host", "-4", "-6"}, "exclude each other");
  expect_usage_error({"latency", "host", "--json", "--ndjson"}, "exclude each other");
  expect_usage_error({"connections", "host", "--timeout", "0"}, "timeout");
}

TEST(Usage, WhatWasProbablyMeantIsSaid) {
  expect_usage_error({"latncy", "host"}, "did you mean 'latency'?");
  expect_usage_error({"connection", "host"}, "did you mean 'connections'?");
  expect_usage_error({"latency", "host", "--rat", "500"}, "did you mean '--rate'?");
  expect_usage_error({"throughput", "host", "--stream=4"}, "did you mean '--streams'?");
  expect_usage_error({"throughput", "host", "--bidir"}, "did you mean '--bidirectional'?");
}

TEST(Usage, HelpTeaches) {
  for (const char* measurement : {"latency", "throughput", "connections"}) {
    const Parsed help = parse({measurement, "--help"});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.output, HasSubstr(std::string("paceline-send ") + measurement)) << "an example";
    EXPECT_THAT(help.output, HasSubstr("--duration"));
  }
  EXPECT_EQ(parse({"--help"}).exit_code, 0);
  EXPECT_EQ(parse({"--version"}).exit_code, 0);
  EXPECT_EQ(parse({}).exit_code, 2);
}

TEST(Suggest, CountsEdits) {
  EXPECT_EQ(edits("", "abc"), 3u);
  EXPECT_EQ(edits("rate", "rate"), 0u);
  EXPECT_EQ(edits("kitten", "sitting"), 3u);
  EXPECT_EQ(closest("--xyz", {"--rate", "--size"}), "");
}

}  // namespace
}  // namespace paceline::sender
