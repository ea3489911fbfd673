// SPDX-License-Identifier: MIT
#include "sender/flows_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "paceline/error.h"
#include "paceline/model.h"
#include "paceline/profile.h"

namespace paceline::sender {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const PacketFlowSpec& packets(const RunSpec& run, std::size_t flow = 0) {
  return std::get<PacketFlowSpec>(run.flows.at(flow));
}

RunSpec parse(const std::string& toml, const Instead& instead = {}) { return parse_flows(toml, "flows.toml", instead); }

TEST(FlowsFile, AFlowHasTheDefaultsOfItsKind) {
  EXPECT_THAT(parse("[[flow]]").flows, ElementsAre(FlowSpec(PacketFlowSpec{})));
  EXPECT_THAT(parse("[[flow]]\nkind = 'throughput'").flows, ElementsAre(FlowSpec(TcpFlowSpec{})));
  EXPECT_THAT(parse("[[flow]]\nkind = 'connections'").flows, ElementsAre(FlowSpec(ConnectionFlowSpec{})));
}

TEST(FlowsFile, TheRunsKeysArrive) {
  const RunSpec run = parse(R"(
receiver = "[2001:db8::7]:30900"
data_port = 30899
family = "ipv6"
clock = "synchronized"
source = "[2001:db8::1]:5000"
flow_label = 0xabcde
title = "three slices"
workers = 2
cpus = "0,2-3"
fifo = 10
[[flow]]
)");
  EXPECT_EQ(run.receiver, (Endpoint{"2001:db8::7", 30900}));
  EXPECT_EQ(run.data_port, 30899);
  EXPECT_EQ(run.family, Family::ipv6);
  EXPECT_EQ(run.clock, ClockPolicy::synchronized);
  EXPECT_EQ(run.source, "2001:db8::1");
  EXPECT_EQ(run.source_port, 5000);
  EXPECT_EQ(run.flow_label, 0xABCDEu);
  EXPECT_EQ(run.title, "three slices");
  EXPECT_EQ(run.workers.count, 2u);
  EXPECT_THAT(run.workers.cpus, ElementsAre(0, 2, 3));
  EXPECT_EQ(run.workers.fifo_priority, 10);
}

TEST(FlowsFile, NumbersAndTextsAreTheSame) {
  EXPECT_EQ(parse("[[flow]]\nrate = 1000\nsize = 100\nduration = 2.5").flows,
            parse("[[flow]]\nrate = '1k'\nsize = '100'\nduration = '2500ms'").flows);
}

TEST(FlowsFile, EveryKindOfKeyArrives) {
  const RunSpec run = parse(R"(
[[flow]]
name = "sensor"
idt = "exponential:mean=100ms"
size = "uniform:min=50,max=100"
protocol = "tcp"
meter = "round_trip"
delay = "2s"
packets = "1k"
seed = 7
nagle = true
dscp = "AF41"
[[flow]]
kind = "throughput"
streams = 4
reverse = true
congestion = "bbr"
)");
  const PacketFlowSpec& flow = packets(run);
  EXPECT_EQ(flow.name, "sensor");
  EXPECT_EQ(to_string(flow.model->idt, Quantity::time), "exponential:mean=100ms");
  EXPECT_EQ(flow.transport, Transport::tcp);
  EXPECT_EQ(flow.meter, Meter::round_trip);
  EXPECT_EQ(flow.delay, 2s);
  EXPECT_EQ(flow.packets, 1000u);
  EXPECT_EQ(flow.seed, 7u);
  EXPECT_FALSE(flow.no_delay);
  EXPECT_EQ(flow.socket.dscp, 34);
  const auto& stream = std::get<TcpFlowSpec>(run.flows.at(1));
  EXPECT_EQ(stream.streams, 4u);
  EXPECT_EQ(stream.direction, Direction::reverse);
  EXPECT_EQ(stream.congestion, "bbr");
}

TEST(FlowsFile, DefaultsAreOfAllFlowsThatHaveThem) {
  const RunSpec run = parse(R"(
[defaults]
duration = "5s"
rate = 50
streams = 3
[[flow]]
[[flow]]
idt = "exponential:mean=1ms"
duration = "6s"
[[flow]]
kind = "throughput"
)");
  EXPECT_EQ(packets(run, 0).rate_pps, 50);
  EXPECT_EQ(packets(run, 0).duration, 5s);
  EXPECT_EQ(mean(packets(run, 1).model->idt), 0.001) << "an own pace takes the defaults' place";
  EXPECT_EQ(packets(run, 1).duration, 6s);
  EXPECT_EQ(std::get<TcpFlowSpec>(run.flows.at(2)).streams, 3u);
  EXPECT_EQ(std::get<TcpFlowSpec>(run.flows.at(2)).duration, 5s);
}

TEST(FlowsFile, ASwitchCanBeTurnedOffAgain) {
  const RunSpec run = parse("[defaults]\nreverse = true\n[[flow]]\nkind = 'throughput'\nreverse = false");
  EXPECT_EQ(std::get<TcpFlowSpec>(run.flows.at(0)).direction, Direction::forward);
}

TEST(FlowsFile, ProfilesSettleTheTraffic) {
  const RunSpec run = parse(R"(
[defaults]
duration = "5s"
rate = 50
[[flow]]
profile = "voip"
[[flow]]
profile = "voip"
dscp = "EF"
)");
  auto wanted = std::get<PacketFlowSpec>(make_profile("voip"));
  wanted.duration = 5s;
  EXPECT_EQ(packets(run, 0), wanted);
  wanted.socket.dscp = 46;
  EXPECT_EQ(packets(run, 1), wanted);
}

TEST(FlowsFile, OwnProfilesAreMadeOfOthers) {
  const RunSpec run = parse(R"(
[profile.meter]
idt = "exponential:mean=10s"
size = 64
[profile.busy_meter]
profile = "meter"
idt = "exponential:mean=1s"
dscp = "CS1"
[[flow]]
profile = "busy_meter"
size = 80
)");
  const PacketFlowSpec& flow = packets(run);
  EXPECT_EQ(mean(flow.model->idt), 1);
  EXPECT_EQ(mean(flow.model->size), 80);
  EXPECT_EQ(flow.socket.dscp, 8);
}

TEST(FlowsFile, SoManyAlike) {
  const RunSpec run =
      parse("[[flow]]\nname = 'call'\ncount = 3\nseed = 5\nidt = 'exponential:mean=1ms'\n[[flow]]\nname = 'one'");
  ASSERT_EQ(run.flows.size(), 4u);
  EXPECT_EQ(packets(run, 0).name, "call-1");
  EXPECT_EQ(packets(run, 2).name, "call-3");
  EXPECT_EQ(packets(run, 2).seed, 7u);
  EXPECT_EQ(packets(run, 3).name, "one");
}

TEST(FlowsFile, FlowsMayGoElsewhere) {
  const RunSpec run = parse(R"(
receiver = "a.example"
data_port = 30899
[[flow]]
[[flow]]
receiver = "b.example:30900"
count = 2
[[flow]]
data_port = 1234
)");
  EXPECT_EQ(run.elsewhere.size(), 3u);
  EXPECT_EQ(run.elsewhere.at(1), (Target{{"b.example", 30900}, {}}));
  EXPECT_EQ(run.elsewhere.at(2), (Target{{"b.example", 30900}, {}}));
  EXPECT_EQ(run.elsewhere.at(3), (Target{{"a.example", 9000}, 1234}));
}

TEST(FlowsFile, SlicesNameFlowsOrAreNamedByThem) {
  const RunSpec run = parse(R"(
[[slice]]
name = "urllc"
dscp = "EF"
flows = ["robot"]
objectives = ["p99.9 < 1ms", "loss < 0.001%"]
[[slice]]
name = "rest"
dscp = "CS1"
[[flow]]
name = "film"
slice = "rest"
[[flow]]
name = "robot"
count = 2
[[flow]]
slice = "rest"
dscp = "AF41"
)");
  ASSERT_EQ(run.slices.size(), 2u);
  EXPECT_EQ(run.slices[0].name, "urllc");
  EXPECT_THAT(run.slices[0].flows, ElementsAre(1, 2));
  EXPECT_THAT(run.slices[0].objectives, ElementsAre(parse_objective("p99.9 < 1ms"), parse_objective("loss < 0.001%")));
  EXPECT_THAT(run.slices[1].flows, ElementsAre(0, 3));
  EXPECT_EQ(packets(run, 0).socket.dscp, 8);
  EXPECT_EQ(packets(run, 1).socket.dscp, 46);
  EXPECT_EQ(packets(run, 2).socket.dscp, 46);
  EXPECT_EQ(packets(run, 3).socket.dscp, 34) << "a flow's own";
}

TEST(FlowsFile, TheCommandLineTakesTheFilesPlace) {
  const RunSpec run = parse(
      "receiver = 'a'\ntitle = 'x'\n[[flow]]\nduration = '30s'\n[[flow]]\nkind = 'throughput'\n[[flow]]\ndata_port = 5",
      {.run = {{"receiver", "b:1"}}, .flows = {{"duration", "1s"}}});
  EXPECT_EQ(run.receiver, (Endpoint{"b", 1}));
  EXPECT_EQ(run.title, "x");
  EXPECT_EQ(packets(run).duration, 1s);
  EXPECT_EQ(std::get<TcpFlowSpec>(run.flows.at(1)).duration, 1s);
  EXPECT_EQ(run.elsewhere.at(2).receiver, (Endpoint{"b", 1}));
}

struct BadFile {
  std::string toml;
  std::string at;  // line:column
  std::string says;
};

TEST(BadFlowsFile, IsRefusedWithThePlace) {
  const std::vector<BadFile> files{
      {"", "1:1", "no [[flow]]"},
      {"receiver = \n[[flow]]", "1:12", ""},
      {"[[flow]]\nrate = 1\nrate = 2", "3:8", "redefine"},
      {"title = 'M\u00fcnchen'\n[[flow]]\nrat\u00e9 = 1", "3:4", "saw '\u00e9'"},
      {"[[flow]]\nrate\u00a0= 1", "2:5", "expected space or tab"},
      {"[[flow]]\nrate = \u00fc", "2:8", "could not determine value type"},
      {"[[flow]]\nrat = 100", "2:1", "'rat' is not known; did you mean 'rate'?"},
      {"recever = 'x'\n[[flow]]", "1:1", "did you mean 'receiver'?"},
      {"[defaults]\nduraton = 1\n[[flow]]", "2:1", "did you mean 'duration'?"},
      {"[[slice]]\nname = 'a'\nobjective = []\n[[flow]]", "3:1", "did you mean 'objectives'?"},
      {"[[flow]]\ntrace-speed = 2", "2:1", "did you mean 'trace_speed'?"},
      {"[[flow]]\nstreams = 2", "2:1", "streams is a key of kind = \"throughput\""},
      {"[[flow]]\nkind = 'throughput'\nidt = '1ms'", "3:1", "idt is a key of kind = \"packets\""},
      {"[[flow]]\nkind = 'packet'", "2:8", "did you mean 'packets'?"},
      {"[flow]\nrate = 1", "1:1", "write [[flow]]"},
      {"flow = 3", "1:8", "write [[flow]]"},
      {"defaults = 3\n[[flow]]", "1:12", "must be a table"},
      {"[[flow]]\nrate = [1]", "2:8", "rate is an array: it must be a number, or a text"},
      {"[[flow]]\nrate = 1979-05-27", "2:8", "rate is a date or time"},
      {"[[flow]]\nrate = true", "2:8", "rate is true or false"},
      {"[[flow]]\nnagle = 'yes'", "2:9", "nagle is a text: it must be true or false"},
      {"[[flow]]\n\n  size = 17", "3:10", "size is 17"},
      {"[[flow]]\nsize = 1e9", "2:8", "size"},
      {"[[flow]]\nrate = 'fast'", "2:8", "rate: 'fast' is no packet rate"},
      {"[[flow]]\nrate = -5", "2:8", "negative"},
      {"[[flow]]\nrate = inf", "2:8", "no packet rate"},
      {"[[flow]]\nduration = '100h'", "2:12", "duration is"},
      {"[[flow]]\nomit = '1500ms'", "2:8", "whole intervals"},
      {"[[flow]]\nname = \"two\\nlines\"", "2:8", "name has control characters"},
      {"[[flow]]\ndscp = 'gold'", "2:8", "dscp: 'gold' is no DSCP"},
      {"[[flow]]\nidt = 'expo:mean=1ms'", "2:7", "idt: "},
      {"[[flow]]\nidt = 'normal:mean=-1ms,stddev=0s'", "2:7", "time between packets"},
      {"[[flow]]\nidt = 'cauchy:location=1ms,scale=1ms'", "2:7", "mean"},
      {"[[flow]]\nidt = 'pareto:shape=0.9,scale=1ms'", "2:7", "mean"},
      {"[[flow]]\nidt = 'discrete:0.5@1ms,0.4@2ms'", "2:7", "add up to"},
      {"[[flow]]\nidt = '1ms'\nrate = 5", "2:7", "rate and idt exclude each other"},
      {"[[flow]]\nprotocol = 'tcp'\nbatching = 'several'", "3:12", "batching is several"},
      {"[[flow]]\nsize = 'empirical:file=is-not-there.txt'", "2:8", "is-not-there.txt"},
      {"[[flow]]\npayload = 'is-not-there.bin'", "2:11", "is-not-there.bin"},
      {"[[flow]]\non = '100ns'\noff = '1s'", "2:6", "on period"},
      {"[[flow]]\ntrace = 'is-not-there.pcap'", "2:9", "is-not-there.pcap"},
      {"[[flow]]\nprofile = 'viop'", "2:11", "voip"},
      {"[[flow]]\nprofile = 'voip'\nkind = 'throughput'", "3:8", "is of kind 'packets'"},
      {"[profile.a]\nprofile = 'b'\n[profile.b]\nprofile = 'a'\n[[flow]]\nprofile = 'a'", "4:11", "made of itself"},
      {"[profile.a]\nrates = 1\n[[flow]]\nprofile = 'a'", "2:1", "did you mean 'rate'?"},
      {"[profile.a]\ncount = 1\n[[flow]]\nprofile = 'a'", "2:1", "'count' is not known"},
      {"[[flow]]\ncount = 0", "2:9", "count is 0"},
      {"[[flow]]\ncount = 1000000000", "2:9", "count"},
      {"[[flow]]\ncount = 4096\n[[flow]]\ncount = 2", "4:9", "more than the 4096 flows"},
      {"[[flow]]\nname = 'a'\n[[flow]]\nname = 'a'", "4:8", "a flow 'a' already"},
      {"[[flow]]\nreceiver = 'host:0'", "2:12", "no port"},
      {"listen = 9000\n[[flow]]\nreceiver = 'host'", "3:12", "one receiver"},
      {"data_port = 70000\n[[flow]]", "1:13", "data_port: '70000' is no port"},
      {"[[flow]]\nslice = 'urlc'\n[[slice]]\nname = 'urllc'", "2:9", "there is no slice 'urlc'; did you mean 'urllc'?"},
      {"[[slice]]\nname = 's'\nflows = ['robt']\n[[flow]]\nname = 'robot'", "3:10", "did you mean 'robot'?"},
      {"[[slice]]\nname = 's'\nflows = 'robot'\n[[flow]]\nname = 'robot'", "3:9", "an array of texts"},
      {"[[slice]]\nname = 's'\nflows = [0]\n[[flow]]", "3:10", "a number in it"},
      {"[[slice]]\nflows = []\n[[flow]]", "1:1", "the slice has no name"},
      {"[[slice]]\nname = 's'\n[[flow]]", "1:1", "'s' has no flows"},
      {"[[slice]]\nname = 's'\n[[slice]]\nname = 's'\n[[flow]]", "4:8", "a slice 's' already"},
      {"[[slice]]\nname = 's'\nobjectives = ['p99 < 2ms', 'p99 < quick']\n[[flow]]\nslice = 's'", "3:28", "'quick'"},
      {"[[slice]]\nname = 's'\ndscp = 99\n[[flow]]\nslice = 's'", "3:8", "no DSCP"},
  };
  for (const BadFile& file : files) {
    try {
      parse(file.toml);
      ADD_FAILURE() << "taken:\n" << file.toml;
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), AllOf(StartsWith("flows.toml:" + file.at + ": "), HasSubstr(file.says))) << file.toml;
    }
  }
}

TEST(BadFlowsFile, WhatCannotBeReadIsSaid) {
  EXPECT_THROW(read_flows_file("/is/not/there.toml"), UsageError);
  EXPECT_THROW(read_flows_file(std::filesystem::temp_directory_path()), UsageError);
}

TEST(BadFlowsFile, TheCommandLinesValuesAreCalledAsThere) {
  try {
    parse("[[flow]]", {.run = {}, .flows = {{"duration", "long"}}});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), StartsWith("--duration: "));
  }
}

// The examples that come with the project.
class Examples : public testing::TestWithParam<const char*> {};

TEST_P(Examples, AreRuns) {
  const RunSpec run = read_flows_file(std::filesystem::path(PACELINE_SOURCES) / "examples" / GetParam());
  EXPECT_FALSE(run.flows.empty());
}

INSTANTIATE_TEST_SUITE_P(Files, Examples, testing::Values("slices.toml", "voip.toml", "models.toml"));

}  // namespace
}  // namespace paceline::sender
