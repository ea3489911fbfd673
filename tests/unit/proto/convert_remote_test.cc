// SPDX-License-Identifier: MIT
#include "proto/convert_remote.h"

#include <gtest/gtest.h>

#include <functional>

#include "proto/convert.h"

namespace paceline::wire {
namespace {

using namespace std::chrono_literals;

/// Every field other than its default, and other than its neighbours.
paceline::RunSpec a_run() {
  paceline::RunSpec run;
  run.receiver = {"node.example", 30900};
  run.data_port = 30899;
  run.elsewhere[2] = {{"2001:db8::7", 9001}, 8998};
  run.elsewhere[1] = {{"192.0.2.8", 9002}, {}};
  run.listen = 8997;
  run.dial_limit = 7s;
  run.family = paceline::Family::ipv6;
  run.key = Key{"lab", ""};
  run.clock = paceline::ClockPolicy::synchronized;
  paceline::PacketFlowSpec packets;
  packets.name = "voice";
  packets.rate_pps = 50;
  paceline::TcpFlowSpec tcp;
  tcp.streams = 3;
  paceline::ConnectionFlowSpec connections;
  connections.rate = 20;
  run.flows = {packets, tcp, connections};
  run.slices = {{"urllc", {0, 2}, {{paceline::Metric::delay, paceline::Statistic::percentile, 99.9, false, 2e6}}}};
  run.title = "a title";
  run.source = "192.0.2.4";
  run.source_port = 40000;
  run.flow_label = 0xABCDE;
  run.workers = {3, {0, 2}, 50};
  return run;
}

/// What came over the wire beside what went in, member by member: a run has no comparison of its own.
void expect_same(const paceline::RunSpec& one, const paceline::RunSpec& other) {
  EXPECT_EQ(one.receiver, other.receiver);
  EXPECT_EQ(one.data_port, other.data_port);
  EXPECT_EQ(one.elsewhere, other.elsewhere);
  EXPECT_EQ(one.listen, other.listen);
  EXPECT_EQ(one.dial_limit, other.dial_limit);
  EXPECT_EQ(one.family, other.family);
  EXPECT_EQ(one.key, other.key);
  EXPECT_EQ(one.clock, other.clock);
  EXPECT_EQ(one.flows, other.flows);
  EXPECT_EQ(one.slices, other.slices);
  EXPECT_EQ(one.title, other.title);
  EXPECT_EQ(one.source, other.source);
  EXPECT_EQ(one.source_port, other.source_port);
  EXPECT_EQ(one.flow_label, other.flow_label);
  EXPECT_EQ(one.workers.count, other.workers.count);
  EXPECT_EQ(one.workers.cpus, other.workers.cpus);
  EXPECT_EQ(one.workers.fifo_priority, other.workers.fifo_priority);
}

paceline::RunSpec there_and_back(const paceline::RunSpec& run) {
  RunSpec wire;
  to_wire(run, wire);
  RunSpec parsed;
  EXPECT_TRUE(parsed.ParseFromString(wire.SerializeAsString()));
  return from_wire(parsed);
}

TEST(RemoteRun, SurvivesTheWire) {
  expect_same(there_and_back(a_run()), a_run());
  const paceline::RunSpec plain;
  expect_same(there_and_back(plain), plain);
}

TEST(RemoteRun, LeavesTheKeysSecretAtHome) {
  paceline::RunSpec run = a_run();
  run.key->secret = "sixteen bytes ok";
  RunSpec wire;
  to_wire(run, wire);
  EXPECT_EQ(wire.SerializeAsString().find("sixteen"), std::string::npos);
  EXPECT_EQ(from_wire(wire).key, (Key{"lab", ""}));
}

TEST(RemoteRun, IsRefusedWithAnyPartOutOfRange) {
  const std::pair<const char*, std::function<void(RunSpec&)>> changes[] = {
      {"port", [](RunSpec& run) { run.mutable_receiver()->set_port(65536); }},
      {"data port", [](RunSpec& run) { run.mutable_receiver()->set_data_port(70000); }},
      {"host with a blank", [](RunSpec& run) { run.mutable_receiver()->set_host("a b"); }},
      {"host with an escape", [](RunSpec& run) { run.mutable_receiver()->set_host("\x1b[2J"); }},
      {"host too long", [](RunSpec& run) { run.mutable_receiver()->set_host(std::string(256, 'a')); }},
      {"target of no flow", [](RunSpec& run) { run.mutable_elsewhere(0)->set_flow(3); }},
      {"target twice", [](RunSpec& run) { run.mutable_elsewhere(0)->set_flow(run.elsewhere(1).flow()); }},
      {"listen", [](RunSpec& run) { run.set_listen(65536); }},
      {"dial limit", [](RunSpec& run) { run.set_dial_limit(-1); }},
      {"family", [](RunSpec& run) { run.set_family(static_cast<Family>(9)); }},
      {"clock", [](RunSpec& run) { run.set_clock(static_cast<ClockPolicy>(9)); }},
      {"key's name", [](RunSpec& run) { run.set_key_name(std::string(65, 'k')); }},
      {"flow of no kind", [](RunSpec& run) { run.mutable_flows(0)->clear_flow(); }},
      {"flow", [](RunSpec& run) { run.mutable_flows(0)->mutable_packets()->set_rate_pps(-1); }},
      {"flows",
       [](RunSpec& run) {
         for (int i = 0; i < 4096; ++i) *run.add_flows() = run.flows(0);
       }},
      {"slice of no flow", [](RunSpec& run) { run.mutable_slices(0)->set_flows(0, 3); }},
      {"source", [](RunSpec& run) { run.set_source("\n"); }},
      {"source port", [](RunSpec& run) { run.set_source_port(65536); }},
      {"priority", [](RunSpec& run) { run.mutable_workers()->set_fifo_priority(100); }},
      {"CPUs",
       [](RunSpec& run) {
         for (int i = 0; i < 5000; ++i) run.mutable_workers()->add_cpus(0);
       }},
  };
  for (const auto& [what, change] : changes) {
    RunSpec wire;
    to_wire(a_run(), wire);
    EXPECT_NO_THROW(from_wire(wire));
    change(wire);
    EXPECT_THROW(from_wire(wire), WireError) << what;
  }
}

}  // namespace
}  // namespace paceline::wire
