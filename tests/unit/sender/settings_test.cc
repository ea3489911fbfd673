// SPDX-License-Identifier: MIT
#include "sender/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "paceline/model.h"

namespace paceline::sender {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

template <class Spec>
class Tables : public testing::Test {};
using Kinds = testing::Types<PacketFlowSpec, TcpFlowSpec, ConnectionFlowSpec>;
TYPED_TEST_SUITE(Tables, Kinds);

TYPED_TEST(Tables, HaveEachNameOnceAndAHelp) {
  std::set<std::string> names;
  for (const auto& setting : settings_of(TypeParam{})) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    EXPECT_NE(setting.help, "") << setting.name;
    EXPECT_NE(setting.group, "") << setting.name;
  }
}

TYPED_TEST(Tables, AreAllInTheManual) {
  std::ifstream in(PACELINE_SOURCES "/sender/README.md");
  const std::string manual(std::istreambuf_iterator<char>(in), {});
  for (const auto& setting : settings_of(TypeParam{})) {
    std::string key = setting.name;
    for (char& c : key) c = c == '-' ? '_' : c;
    EXPECT_THAT(manual, HasSubstr("`" + key + "`"));
  }
}

TEST(With, TheOrderInWhichThingsWereGivenDoesNotMatter) {
  const Given given{{"size", "uniform:min=100,max=200"}, {"rate", "250"}};  // rate after size by the alphabet, too
  const auto flow = std::get<PacketFlowSpec>(with(PacketFlowSpec{}, given));
  ASSERT_TRUE(flow.model);
  EXPECT_EQ(flow.model->idt, parse_model("4ms", Quantity::time));
}

TEST(With, ARateOnTopOfAModelTakesTheTimesPlace) {
  const FlowSpec random =
      with(PacketFlowSpec{}, {{"idt", "exponential:mean=1ms"}, {"size", "uniform:min=100,max=200"}});
  const auto flow = std::get<PacketFlowSpec>(with(random, {{"rate", "10"}}));
  ASSERT_TRUE(flow.model);
  EXPECT_EQ(flow.model->idt, parse_model("100ms", Quantity::time));
  EXPECT_EQ(flow.model->size, parse_model("uniform:min=100,max=200", Quantity::bytes));
  EXPECT_THROW(with(random, {{"rate", "0"}}), BadSetting);
}

TEST(With, FlatOutHasNoTimesToModel) {
  PacketFlowSpec flat_out;
  flat_out.rate_pps = 0;
  EXPECT_THROW(with(flat_out, {{"size", "uniform:min=100,max=200"}}), BadSetting);
  EXPECT_NO_THROW(with(flat_out, {{"size", "100"}}));
}

TEST(With, ConstantsThatDoNotFitStayAModel) {
  // 10.5 bytes, or more than a packet holds, is for the model's plan to refuse or to cut.
  for (const char* size : {"constant:100.5", "constant:10", "constant:100k", "constant:100,max=90"}) {
    const auto flow = std::get<PacketFlowSpec>(with(PacketFlowSpec{}, {{"size", size}}));
    EXPECT_TRUE(flow.model) << size;
  }
}

TEST(With, RefusalsNameTheSetting) {
  try {
    with(TcpFlowSpec{}, {{"streams", "many"}});
    FAIL();
  } catch (const BadSetting& refused) {
    EXPECT_EQ(refused.setting(), "streams");
    EXPECT_THAT(refused.what(), HasSubstr("many"));
  }
}

TEST(MakeWay, OnePaceTakesTheOthersPlace) {
  Given given{{"rate", "100"}, {"size", "64"}, {"duration", "1s"}};
  make_way(given, {{"idt", "exponential:mean=1ms"}});
  EXPECT_THAT(given, ElementsAre(Pair("duration", "1s"), Pair("size", "64")));

  given = {{"rate", "100"}};
  make_way(given, {{"idt", "exponential"}});
  EXPECT_THAT(given, ElementsAre(Pair("rate", "100"))) << "it says the mean";

  given = {{"idt", "1ms"}, {"size", "64"}, {"seed", "3"}};
  make_way(given, {{"trace", "x.pcap"}});
  EXPECT_THAT(given, ElementsAre(Pair("seed", "3")));

  given = {{"trace", "x.pcap"}, {"trace-speed", "2"}};
  make_way(given, {{"rate", "10"}});
  EXPECT_THAT(given, IsEmpty());

  given = {{"duration", "1s"}};
  make_way(given, {{"duration", "2s"}});
  EXPECT_THAT(given, IsEmpty());
}

TEST(Alike, NamesSeedsAndPortsCountUp) {
  PacketFlowSpec flow;
  flow.name = "call";
  flow.seed = 10;
  flow.socket.source = "192.0.2.1";
  flow.socket.source_port = 5000;
  const auto flows = alike(flow, 3);
  ASSERT_EQ(flows.size(), 3u);
  const auto& third = std::get<PacketFlowSpec>(flows[2]);
  EXPECT_EQ(third.name, "call-3");
  EXPECT_EQ(third.seed, 12u);
  EXPECT_EQ(third.socket.source_port, 5002);
  EXPECT_THAT(alike(flow, 1), ElementsAre(FlowSpec(flow)));
}

TEST(Alike, PortsEndAt65535) {
  TcpFlowSpec flow;
  flow.streams = 100;
  flow.socket.source = "192.0.2.1";
  flow.socket.source_port = 65000;
  const auto flows = alike(flow, 5);
  EXPECT_EQ(std::get<TcpFlowSpec>(flows[4]).socket.source_port, 65400);
  EXPECT_THROW(alike(flow, 6), UsageError);
}

TEST(SeekFiles, OfTracesPayloadsAndModels) {
  PacketFlowSpec trace;
  trace.trace = TraceSpec{.file = "a.pcap"};
  trace.payload_file = "/absolute";
  FlowSpec flow = trace;
  seek_files_in("/flows", flow);
  EXPECT_EQ(std::get<PacketFlowSpec>(flow).trace->file, "/flows/a.pcap");
  EXPECT_EQ(std::get<PacketFlowSpec>(flow).payload_file, "/absolute");

  flow = with(PacketFlowSpec{}, {{"idt", "mixture:0.5@(empirical:file=gaps.txt),0.5@(constant:1ms)"},
                                 {"size", "empirical:file=../sizes.txt"}});
  seek_files_in("/flows", flow);
  const auto& model = *std::get<PacketFlowSpec>(flow).model;
  EXPECT_EQ(std::get<model::Empirical>(std::get<model::Mixture>(model.idt.family).parts[0].family).file,
            "/flows/gaps.txt");
  EXPECT_EQ(std::get<model::Empirical>(model.size.family).file, "/sizes.txt");
}

}  // namespace
}  // namespace paceline::sender
