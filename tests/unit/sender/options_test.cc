// SPDX-License-Identifier: MIT
#include "sender/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "paceline/model.h"
#include "paceline/profile.h"
#include "proto/suggest.h"
#include "sender/model_families.h"
#include "tests/unit/sender/parsed_options.h"

namespace paceline::sender {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Latency, DefaultsAreTheModels) {
  const Parsed parsed = parse({"latency", "192.0.2.7"});
  EXPECT_EQ(only_flow<PacketFlowSpec>(parsed), PacketFlowSpec{});
  EXPECT_EQ(parsed.options.run.receiver, (Endpoint{"192.0.2.7", 9000}));
  EXPECT_EQ(parsed.options.format, Format::text);
}

TEST(Latency, EveryOptionArrives) {
  PacketFlowSpec wanted;
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

TEST(Latency, WhatIsRandomArrives) {
  const auto flow = only_flow<PacketFlowSpec>(
      parse({"latency", "host", "--idt", "exponential:mean=2ms", "--size", "normal:mean=512,stddev=64", "--jitter",
             "uniform:min=0ms,max=1ms", "--on", "1s", "--off", "exponential:mean=2s", "--segment", "1400", "--overhead",
             "12", "--seed", "0xffffffffffffffff"}));
  ASSERT_TRUE(flow.model);
  EXPECT_EQ(to_string(flow.model->idt, Quantity::time), "exponential:mean=2ms");
  EXPECT_EQ(to_string(flow.model->size, Quantity::bytes), "normal:mean=512,stddev=64");
  ASSERT_TRUE(flow.model->jitter);
  EXPECT_EQ(flow.model->jitter, parse_model("uniform:min=0ms,max=1ms", Quantity::time));
  ASSERT_TRUE(flow.model->bursts);
  EXPECT_EQ(flow.model->bursts->on, parse_model("1s", Quantity::time));
  EXPECT_EQ(flow.model->bursts->off, parse_model("exponential:mean=2s", Quantity::time));
  EXPECT_EQ(flow.model->segment, 1400u);
  EXPECT_EQ(flow.model->overhead, 12u);
  EXPECT_EQ(flow.size, 0u) << "nothing but the model limits it";
  EXPECT_EQ(flow.seed, std::numeric_limits<std::uint64_t>::max());
}

TEST(Latency, OneOfTimesAndSizesMayBeConstant) {
  const auto random_size =
      only_flow<PacketFlowSpec>(parse({"latency", "host", "--rate", "200", "--size", "uniform:min=100,max=200"}));
  ASSERT_TRUE(random_size.model);
  EXPECT_EQ(random_size.model->idt, parse_model("5ms", Quantity::time));
  const auto random_time = only_flow<PacketFlowSpec>(parse({"latency", "host", "--idt", "exponential:mean=1ms"}));
  ASSERT_TRUE(random_time.model);
  EXPECT_EQ(random_time.model->size, parse_model("512", Quantity::bytes));
}

TEST(Latency, ConstantsAreARateAndASize) {
  const auto flow = only_flow<PacketFlowSpec>(parse({"latency", "host", "--idt", "4ms", "--size", "constant:100"}));
  EXPECT_FALSE(flow.model);
  EXPECT_EQ(flow.rate_pps, 250);
  EXPECT_EQ(flow.size, 100u);
}

TEST(Latency, AFamilyWithoutAMeanTakesItFromTheRate) {
  for (const char* family : {"exponential", "poisson"}) {
    const auto flow = only_flow<PacketFlowSpec>(parse({"latency", "host", "--rate", "50", "--idt", family}));
    ASSERT_TRUE(flow.model) << family;
    EXPECT_EQ(mean(flow.model->idt), 0.02) << family;
  }
  expect_usage_error({"latency", "host", "--idt", "exponential"}, "mean");
}

TEST(Latency, ABitrateIsARateBySize) {
  EXPECT_EQ(only_flow<PacketFlowSpec>(parse({"latency", "host", "--bitrate", "8M", "--size", "1000"})).rate_pps, 1000);
  const auto random =
      only_flow<PacketFlowSpec>(parse({"latency", "host", "--bitrate", "8M", "--size", "uniform:min=500,max=1500"}));
  ASSERT_TRUE(random.model);
  EXPECT_EQ(mean(random.model->idt), 0.001);
  expect_usage_error({"latency", "host", "--bitrate", "8M", "--size", "pareto:shape=1,scale=100"}, "no mean");
}

TEST(Latency, TracesArrive) {
  const TemporaryFile trace("options_test.csv", "0,100\n0.01,200\n0.01,300\n");
  const auto flow = only_flow<PacketFlowSpec>(parse(
      {"latency", "host", "--trace", trace.path, "--trace-speed", "2", "--trace-scale", "50%", "--trace-repeat"}));
  EXPECT_EQ(flow.trace, (TraceSpec{trace.path, 2, 0.5, true}));
  EXPECT_FALSE(flow.model);
  EXPECT_EQ(flow.size, 0u);
}

TEST(Latency, EverySettingOfPacketsArrives) {
  PacketFlowSpec wanted;
  wanted.transport = Transport::sctp;
  wanted.meter = Meter::round_trip;
  wanted.packets = 10'000;
  wanted.bytes = 5'000'000;
  wanted.delay = 1500ms;
  wanted.no_delay = false;
  wanted.sctp_streams = 4;
  wanted.payload = Payload::random;
  wanted.seed = 7;
  wanted.socket.dscp = 34;
  wanted.socket.hop_limit = 3;
  wanted.socket.interface = "eth1";
  const Parsed parsed =
      parse({"latency", "host",    "--protocol", "sctp",    "--round-trip",   "--packets", "10k",         "--bytes",
             "5M",      "--delay", "1500ms",     "--nagle", "--sctp-streams", "4",         "--payload",   "random",
             "--seed",  "7",       "--dscp",     "AF41",    "--ttl",          "3",         "--interface", "eth1"});
  EXPECT_EQ(only_flow<PacketFlowSpec>(parsed), wanted);

  const TemporaryFile words("options_test.txt", "words");
  const auto udp = only_flow<PacketFlowSpec>(parse(
      {"latency", "host", "--ecn", "ect0", "--fragments", "never", "--payload", words.path, "--meter", "one-way"}));
  EXPECT_EQ(udp.socket.ecn, 2);
  EXPECT_EQ(udp.socket.fragments, Fragments::never);
  EXPECT_EQ(udp.payload, Payload::file);
  EXPECT_EQ(udp.payload_file, words.path);
}

TEST(Latency, EchoRequestsAreRoundTrips) {
  const auto flow = only_flow<PacketFlowSpec>(parse({"latency", "host", "--protocol", "icmp"}));
  EXPECT_EQ(flow.transport, Transport::icmp);
  EXPECT_EQ(flow.meter, Meter::round_trip);
  expect_usage_error({"latency", "host", "--protocol", "icmp", "--meter", "one-way"}, "meter is one-way");
}

TEST(Latency, SeedsOfAlikeFlowsCountUp) {
  const Parsed parsed = parse({"latency", "host", "--flows", "3", "--seed", "41", "--idt", "exponential:mean=1ms"});
  ASSERT_EQ(parsed.options.run.flows.size(), 3u) << parsed.error;
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(std::get<PacketFlowSpec>(parsed.options.run.flows[i]).seed, 41 + i);
}

TEST(Latency, WhatExcludesEachOtherIsSaid) {
  expect_usage_error({"latency", "host", "--rate", "100", "--idt", "exponential:mean=1ms"},
                     "rate and idt exclude each other");
  expect_usage_error({"latency", "host", "--rate", "100", "--bitrate", "1M"}, "rate and bitrate exclude each other");
  expect_usage_error({"latency", "host", "--trace", "x", "--rate", "100"}, "rate and trace exclude each other");
  expect_usage_error({"latency", "host", "--trace", "x", "--size", "100"}, "size and trace exclude each other");
  expect_usage_error({"latency", "host", "--trace-speed", "2"}, "no trace");
  expect_usage_error({"latency", "host", "--on", "1s"}, "off is 0 s");
  expect_usage_error({"latency", "host", "--rate", "0"}, "throughput --udp");
}

TEST(Latency, ValuesThatMakeNoSenseAreNamed) {
  struct Case {
    std::vector<std::string> words;
    std::string says;
  };
  const std::vector<Case> cases{
      {{"--idt", "expontial:mean=1ms"}, "exponential"},
      {{"--idt", "exponential:mean=-1ms"}, "mean"},
      {{"--idt", "discrete:0.5@1ms,0.4@2ms"}, "add up to"},
      {{"--idt", "exponential:man=1ms"}, "mean"},
      {{"--size", "17"}, "size is 17"},
      {{"--size", "70000"}, "largest UDP payload"},
      {{"--size", "-5"}, "negative"},
      {{"--segment", "10"}, "segment is 10"},
      {{"--dscp", "64"}, "no DSCP"},
      {{"--dscp", "AF44"}, "no DSCP"},
      {{"--ecn", "4"}, "no ECN"},
      {{"--ttl", "0"}, "TTL is 0"},
      {{"--ttl", "256"}, "TTL '256'"},
      {{"--seed", "-1"}, "seed '-1'"},
      {{"--seed", "18446744073709551616"}, "64 bits"},
      {{"--packets", "1.5"}, "no whole number of packets"},
      {{"--delay", "-1s"}, "negative"},
      {{"--delay", "100h"}, "delay is"},
      {{"--trace", "x", "--trace-speed", "0"}, "above 0"},
      {{"--meter", "both"}, "one-way, round-trip"},
      {{"--protocol", "dccp"}, "icmp, sctp, tcp, udp"},
      {{"--protocol", "tcp", "--batching", "several"}, "batching is several"},
      {{"--round-trip", "--batching", "offload"}, "batching is offload"},
      {{"--nagle"}, "nagle is for"},
      {{"--sctp-streams", "2"}, "sctp streams is 2"},
      {{"--fragments", "maybe"}, "above-mtu, allowed, never"},
  };
  for (const Case& one : cases) {
    std::vector<std::string> words{"latency", "host"};
    words.insert(words.end(), one.words.begin(), one.words.end());
    expect_usage_error(words, one.says);
  }
}

TEST(Profiles, FillTheFlowAndOptionsChangeIt) {
  const auto plain = only_flow<PacketFlowSpec>(parse({"latency", "host", "--profile", "voip"}));
  EXPECT_EQ(FlowSpec(plain), make_profile("voip"));
  const auto changed =
      only_flow<PacketFlowSpec>(parse({"latency", "host", "--profile", "voip", "--duration", "3s", "--dscp", "EF"}));
  PacketFlowSpec wanted = plain;
  wanted.duration = 3s;
  wanted.socket.dscp = 46;
  EXPECT_EQ(changed, wanted);
}

TEST(Profiles, EachIsOfOneMeasurement) {
  constexpr const char* commands[] = {"latency", "throughput", "connections"};
  for (const Profile& profile : profiles()) {
    for (std::size_t kind = 0; kind < 2; ++kind) {
      const Parsed parsed = parse({commands[kind], "host", "--profile", profile.name});
      if (kind == profile.flow.index()) {
        EXPECT_FALSE(parsed.exit_code) << profile.name << ": " << parsed.error;
      } else {
        EXPECT_EQ(parsed.exit_code, 2) << profile.name;
        EXPECT_THAT(parsed.error, HasSubstr("paceline-send ")) << profile.name;
      }
    }
  }
  expect_usage_error({"latency", "host", "--profile", "voipp"}, "voip");
}

TEST(Passive, WaitsForTheReceiverInsteadOfDialling) {
  const Parsed parsed = parse({"latency", "--listen", "9001", "--dial-limit", "5s"});
  ASSERT_FALSE(parsed.exit_code) << parsed.error;
  EXPECT_EQ(parsed.options.run.listen, 9001);
  EXPECT_EQ(parsed.options.run.dial_limit, 5s);
  expect_usage_error({"latency", "host", "--listen", "9001"}, "leave HOST out");
  expect_usage_error({"latency"}, "HOST");
}

TEST(Lists, NameWhatCanBeChosen) {
  const Parsed models = parse({"models"});
  EXPECT_EQ(models.exit_code, 0);
  for (const ModelFamily& family : model_families()) EXPECT_THAT(models.output, HasSubstr(std::string(family.example)));
  const Parsed known = parse({"profiles"});
  EXPECT_EQ(known.exit_code, 0);
  for (const Profile& profile : profiles()) EXPECT_THAT(known.output, HasSubstr(profile.name));
}

TEST(Lists, EveryFamilyIsThereAndItsExampleWorks) {
  EXPECT_EQ(model_families().size(), std::variant_size_v<Model::Family>);
  for (std::size_t i = 0; i < model_families().size(); ++i)
    EXPECT_EQ(parse_model(model_families()[i].example, Quantity::time).family.index(), i) << model_families()[i].name;
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
  PacketFlowSpec wanted;
  wanted.rate_pps = 2000;
  wanted.size = 100;
  wanted.duration = 7s;
  wanted.omit = 1s;
  wanted.interval = 500ms;
  EXPECT_EQ(parsed.options.run.flows[1], FlowSpec(wanted));
}

TEST(Throughput, UdpIsOfPackets) {
  const auto flat_out = only_flow<PacketFlowSpec>(parse({"throughput", "host", "--udp"}));
  EXPECT_EQ(flat_out.rate_pps, 0);
  EXPECT_EQ(flat_out.size, 1400u);
  EXPECT_EQ(flat_out.batching, Batching::offload);

  const auto paced =
      only_flow<PacketFlowSpec>(parse({"throughput", "host", "--udp", "--bitrate", "8M", "--size", "1000", "--batching",
                                       "single", "--batch", "7", "--pacing", "sleep"}));
  EXPECT_EQ(paced.rate_pps, 1000);
  EXPECT_EQ(paced.batching, Batching::single);
  EXPECT_EQ(paced.batch, 7u);
  EXPECT_EQ(paced.pacing, Pacing::sleep);
}

TEST(Throughput, OptionsOfTheOtherProtocolAreRefused) {
  expect_usage_error({"throughput", "host", "--udp", "--reverse"}, "--udp excludes --reverse");
  expect_usage_error({"throughput", "host", "--udp", "--bidirectional"}, "TCP only");
  expect_usage_error({"throughput", "host", "--udp", "--streams", "2"}, "--udp excludes --streams");
  expect_usage_error({"throughput", "host", "--udp", "--congestion", "bbr"}, "--udp excludes --congestion");
  expect_usage_error({"throughput", "host", "--size", "100"}, "--size requires --udp");
  expect_usage_error({"throughput", "host", "--udp", "--profile", "ftp"}, "--udp excludes --profile");
  expect_usage_error({"throughput", "host", "--fragments", "never"}, "--fragments requires --udp");
  expect_usage_error({"throughput", "host", "--batching", "single"}, "--batching requires --udp");
  expect_usage_error({"throughput", "host", "--reverse", "--bidirectional"}, "excludes");
  expect_usage_error({"throughput", "host", "--latency-size", "100"}, "requires --with-latency");
}

TEST(Throughput, SocketOptionsAreOfBothKinds) {
  TcpFlowSpec stream;
  stream.delay = 2s;
  stream.socket.dscp = 8;
  stream.socket.hop_limit = 9;
  EXPECT_EQ(only_flow<TcpFlowSpec>(parse({"throughput", "host", "--delay", "2s", "--dscp", "CS1", "--ttl", "9"})),
            stream);
  const auto packets = only_flow<PacketFlowSpec>(parse(
      {"throughput", "host", "--udp", "--dscp", "CS1", "--bytes", "1M", "--packets", "100", "--payload", "random"}));
  EXPECT_EQ(packets.socket.dscp, 8);
  EXPECT_EQ(packets.bytes, 1'000'000u);
  EXPECT_EQ(packets.packets, 100u);
  EXPECT_EQ(packets.payload, Payload::random);
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
  expect_usage_error({"latency", "host", "--flows", "5000"}, "flows '5000'");
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
  expect_usage_error({"latency", "host", "9000", "more"}, "not expected: 9000 more");
  expect_usage_error({"latncy", "host"}, "did you mean 'latency'?");
  expect_usage_error({"connection", "host"}, "did you mean 'connections'?");
  expect_usage_error({"latency", "host", "--rat", "500"}, "did you mean '--rate'?");
  expect_usage_error({"throughput", "host", "--stream=4"}, "did you mean '--streams'?");
  expect_usage_error({"throughput", "host", "--bidir"}, "did you mean '--bidirectional'?");
}

TEST(Usage, HelpTeaches) {
  for (const char* measurement : {"latency", "throughput", "connections", "run"}) {
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
