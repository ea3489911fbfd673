// SPDX-License-Identifier: MIT
//
// Flows with models, profiles and slices, as a program makes them: what a flows file says, in C++.
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "paceline/model.h"
#include "paceline/profile.h"
#include "tests/unit/api/ends.h"

namespace paceline {
namespace {

PacketFlowSpec sensor() {
  PacketFlowSpec flow;
  flow.name = "sensor";
  flow.model.emplace();
  flow.model->idt = parse_model("exponential:mean=2ms", Quantity::time);
  flow.model->size = {model::Uniform{50, 100}};
  flow.seed = 11;
  flow.size = 0;
  flow.packets = 100;
  flow.duration = 5s;
  return flow;
}

TEST(Slices, AreJudgedWhenTheRunIsOver) {
  Receiver receiver;
  RunSpec spec;
  spec.receiver = receiver.at();
  FlowSpec call = make_profile("voip:codec=g711.2");
  std::get<PacketFlowSpec>(call).duration = 300ms;
  spec.flows = {sensor(), call};
  spec.slices = {{"things", {0}, {parse_objective("loss < 0"), parse_objective("max < 1ns")}},
                 {"both", {0, 1}, {parse_objective("p50 < 10s")}}};
  RunLog log;
  const RunResult result = run(spec, log);

  ASSERT_TRUE(result.complete());
  const PacketFlowResult& drawn = udp(result, 0);
  EXPECT_EQ(drawn.received.packets, 100u);
  EXPECT_EQ(drawn.spec.seed, 11u);
  ASSERT_TRUE(drawn.sent.drawn);
  EXPECT_GE(drawn.sent.drawn->mean_size, 50);
  EXPECT_LE(drawn.sent.drawn->mean_size, 100);
  EXPECT_EQ(udp(result, 1).received.packets, 15u);

  ASSERT_EQ(result.slices.size(), 2u);
  EXPECT_TRUE(result.slices[0].objectives.at(0).met);
  EXPECT_FALSE(result.slices[0].objectives.at(1).met);
  EXPECT_TRUE(result.slices[1].met());
  EXPECT_FALSE(result.slices[0].met());
}

TEST(Slices, OfFlowsThatAreNotThereAreRefused) {
  RunSpec spec;
  spec.receiver = {"127.0.0.1", 9};
  spec.slices = {{"nobody", {1}, {}}};
  RunLog log;
  EXPECT_THROW(run(spec, log), UsageError);
}

}  // namespace
}  // namespace paceline
