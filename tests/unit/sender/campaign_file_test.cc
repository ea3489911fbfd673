// SPDX-License-Identifier: MIT
#include "sender/campaign_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "paceline/error.h"

namespace paceline::sender {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;

CampaignSpec parse(const std::string& toml, const Instead& instead = {}) {
  return parse_campaign(toml, "lab/campaign.toml", instead);
}

const PacketFlowSpec& packets(const CampaignSpec& campaign, std::size_t cell, std::size_t flow = 0) {
  return std::get<PacketFlowSpec>(campaign.cells.at(cell).run.flows.at(flow));
}

std::string refusal(const std::string& toml, const Instead& instead = {}) {
  try {
    parse(toml, instead);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "it was taken";
}

TEST(CampaignFile, IsToldByItsTables) {
  EXPECT_FALSE(is_campaign("receiver = 'a'\n[[flow]]", "f"));
  EXPECT_TRUE(is_campaign("[campaign]\n[[flow]]", "f"));
  EXPECT_TRUE(is_campaign("[axes]\nrate = [1]\n[[flow]]", "f"));
  EXPECT_TRUE(is_campaign("[hooks]\n[[flow]]", "f"));
}

TEST(CampaignFile, EveryKeyArrives) {
  const CampaignSpec campaign = parse(R"(
[campaign]
name = "night"
repetitions = 7
order = "random"
seed = 12
gap = "20ms"
retries = 3
retry_pause = 2
run_limit = "90s"
[hooks]
before_scenario = "echo $HOME"
before_run = ["./set", "a b"]
after_run = "x"
after_scenario = "y"
limit = "5m"
[[flow]]
)");
  EXPECT_EQ(campaign.name, "night");
  EXPECT_EQ(campaign.repetitions, 7u);
  EXPECT_EQ(campaign.order, CampaignOrder::random);
  EXPECT_EQ(campaign.seed, 12u);
  EXPECT_EQ(campaign.gap, 20ms);
  EXPECT_EQ(campaign.retries, 3u);
  EXPECT_EQ(campaign.retry_pause, 2s);
  EXPECT_EQ(campaign.run_limit, 90s);
  EXPECT_THAT(campaign.before_scenario.command, ElementsAre("/bin/sh", "-c", "echo $HOME"));
  EXPECT_THAT(campaign.before_run.command, ElementsAre("./set", "a b"));
  EXPECT_TRUE(campaign.after_run && campaign.after_scenario);
  EXPECT_EQ(campaign.hook_limit, 5min);
  EXPECT_EQ(campaign.folder, "lab");
}

TEST(CampaignFile, CellsAreAllCombinationsInTheFilesOrder) {
  const CampaignSpec campaign = parse("[axes]\nsize = [100, 64]\nrate = ['2k', 1]\n[[flow]]");
  ASSERT_EQ(campaign.cells.size(), 4u);
  EXPECT_THAT(campaign.cells[0].scenario, ElementsAre(Pair("size", "100"), Pair("rate", "2k")));
  EXPECT_THAT(campaign.cells[1].scenario, ElementsAre(Pair("size", "100"), Pair("rate", "1")));
  EXPECT_THAT(campaign.cells[2].scenario, ElementsAre(Pair("size", "64"), Pair("rate", "2k")));
  EXPECT_EQ(campaign.name, "campaign");
}

TEST(CampaignFile, AnAxisOfASettingsNameMakesIt) {
  const CampaignSpec campaign = parse(
      "[axes]\nrate = [100, '1k']\nfamily = [4, 6]\nreverse = [false, true]\n[[flow]]\n[[flow]]\nkind = 'throughput'");
  EXPECT_EQ(packets(campaign, 0).rate_pps, 100);
  EXPECT_EQ(packets(campaign, 7).rate_pps, 1000);
  EXPECT_EQ(campaign.cells[0].run.family, Family::ipv4);
  EXPECT_EQ(campaign.cells[7].run.family, Family::ipv6);
  EXPECT_EQ(std::get<TcpFlowSpec>(campaign.cells[0].run.flows[1]).direction, Direction::forward);
  EXPECT_EQ(std::get<TcpFlowSpec>(campaign.cells[1].run.flows[1]).direction, Direction::reverse);
}

TEST(CampaignFile, TemplatesPutAnAxisWhereItBelongs) {
  const CampaignSpec campaign = parse(R"(
title = "{{{load}}}"
[axes]
load = ["1k", "2k"]
rate = [5]
[[flow]]
rate = "{load}"
name = "of-{load}"
[[flow]]
rate = "{rate}"
)");
  EXPECT_EQ(packets(campaign, 1).rate_pps, 2000);
  EXPECT_EQ(packets(campaign, 1).name, "of-2k");
  EXPECT_EQ(packets(campaign, 1, 1).rate_pps, 5);
  EXPECT_EQ(campaign.cells[1].run.title, "{2k}");
}

TEST(CampaignFile, AValueMayMakeSeveralSettings) {
  const CampaignSpec campaign = parse(R"(
[axes.place]
near = { receiver = "192.0.2.7:30900", data_port = 30899, rate = 10 }
far = { receiver = "[2001:db8::7]:9001" }
[[flow]]
)");
  EXPECT_EQ(campaign.cells[0].scenario, (Scenario{{"place", "near"}}));
  EXPECT_EQ(campaign.cells[0].run.receiver, (Endpoint{"192.0.2.7", 30900}));
  EXPECT_EQ(campaign.cells[0].run.data_port, 30899);
  EXPECT_EQ(packets(campaign, 0).rate_pps, 10);
  EXPECT_EQ(campaign.cells[1].run.receiver, (Endpoint{"2001:db8::7", 9001}));
  EXPECT_EQ(campaign.cells[1].run.data_port, std::nullopt);
}

TEST(CampaignFile, FlowsAreThereWhenTheirAxesSaySo) {
  const CampaignSpec campaign = parse(R"(
[axes]
what = ["a", "b", "c"]
[[slice]]
name = "s"
when = { what = "a" }
[[flow]]
when = { what = ["a", "c"] }
rate = 1
[[flow]]
when = { what = "a" }
slice = "s"
rate = 2
[[flow]]
when = { what = "b" }
kind = "throughput"
)");
  EXPECT_EQ(campaign.cells[0].run.flows.size(), 2u);
  EXPECT_EQ(campaign.cells[0].run.slices.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<TcpFlowSpec>(campaign.cells[1].run.flows.at(0)));
  EXPECT_EQ(campaign.cells[1].run.flows.size(), 1u);
  EXPECT_EQ(packets(campaign, 2).rate_pps, 1);
  EXPECT_THAT(campaign.cells[2].run.slices, IsEmpty());
}

TEST(CampaignFile, TheCommandLineTakesThePlaceOfTheFile) {
  const CampaignSpec campaign = parse("[axes]\nrate = [1, 2]\n[[flow]]\nduration = 9",
                                      {.run = {{"receiver", "a:1"}}, .flows = {{"duration", "2"}}});
  EXPECT_EQ(campaign.cells[1].run.receiver, (Endpoint{"a", 1}));
  EXPECT_EQ(packets(campaign, 1).duration, 2s);
  EXPECT_THAT(refusal("[axes]\nduration = [1, 2]\n[[flow]]", {.run = {}, .flows = {{"duration", "2"}}}),
              HasSubstr("so does the command line"));
}

TEST(CampaignFile, TheFingerprintIsOfWhatIsMeasured) {
  const std::string file = "[campaign]\nrepetitions = 2\n[axes]\nrate = [1, 2]\n[hooks]\nafter_run = 'x'\n[[flow]]\n";
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = file;
    changed.replace(changed.find(from), from.size(), to);
    return parse(changed).fingerprint;
  };
  const std::string same = parse(file).fingerprint;
  EXPECT_EQ(with("[[flow]]\n", "[[flow]]  # nothing else\n"), same);
  EXPECT_EQ(with("repetitions = 2", "repetitions = 3"), same);
  EXPECT_EQ(with("repetitions = 2", "gap = 3"), same);
  EXPECT_NE(with("[1, 2]", "[2, 1]"), same);
  EXPECT_NE(with("'x'", "'y'"), same);
  EXPECT_NE(with("[[flow]]\n", "[[flow]]\nsize = 99\n"), same);
}

TEST(CampaignFile, WhatMakesNoSenseIsRefusedWithItsPlace) {
  struct Case {
    std::string toml, place, why;
  };
  const std::vector<Case> cases{
      {"[campaign]\nrepetition = 2\n[[flow]]", "2:1", "did you mean 'repetitions'?"},
      {"[campaign]\nrepetitions = 0\n[[flow]]", "2:15", "1 or more"},
      {"[campaign]\norder = 'up'\n[[flow]]", "2:9", "interleaved"},
      {"[axes]\nrate = []\n[[flow]]", "2:1", "is empty"},
      {"[axes]\nrate = [1, '1']\n[[flow]]", "2:12", "twice"},
      {"[axes]\nrate = 5\n[[flow]]", "2:8", "array of values"},
      {"[axes]\n'a b' = [5]\n[[flow]]", "2:1", "no name for an axis"},
      {"[axes]\na-b = [5]\na_b = [6]\n[hooks]\n[[flow]]", "3:1", "PACELINE_AXIS_A_B"},
      {"[axes]\nservices = [5]\n[[flow]]", "2:1", "changes nothing"},
      {"[axes]\nrate = [5]\n[[flow]]\nrate = '{rat}'", "4:8", "did you mean 'rate'?"},
      {"[axes]\nrate = [5]\n[[flow]]\nname = 'a{'", "4:8", "for a brace"},
      {"[axes]\nrate = [5, -5]\n[[flow]]", "2:12", "rate=-5"},
      {"[axes]\nstreams = [5]\n[[flow]]", "2:12", "which no flow here has"},
      {"[axes]\nrate = [5]\n[axes.b]\nx = { rate = 6 }\n[[flow]]", "4:14", "two axes make the setting rate"},
      {"[axes.b]\nx = { rat = 6 }\n[[flow]]", "2:7", "did you mean 'rate'?"},
      {"[axes.b]\nx = 6\n[[flow]]", "2:5", "a table of the settings"},
      {"[axes]\nrate = [5]\n[[flow]]\nwhen = { rat = 5 }", "4:10", "did you mean 'rate'?"},
      {"[axes]\nrate = [5]\n[[flow]]\nwhen = { rate = 6 }", "4:17", "there are 5"},
      {"[axes]\nrate = [5, 6]\n[[flow]]\nwhen = { rate = 6 }", "1:1", "no [[flow]] is left"},
      {"[axes]\nrate = [5]\n[[flow]]\nwhen = 5", "4:8", "must be a table"},
      {"[hooks]\nbefore = 'x'\n[[flow]]", "2:1", "did you mean 'before_scenario'?"},
      {"[hooks]\nbefore_run = 5\n[[flow]]", "2:14", "a line for the shell"},
      {"[hooks]\nbefore_run = []\n[[flow]]", "2:14", "is empty"},
      {"[campaign]\n[[flow]]\nsise = 5", "3:1", "did you mean 'size'?"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.toml);
    const std::string told = refusal(one.toml);
    EXPECT_THAT(told, StartsWith("lab/campaign.toml:" + one.place + ": "));
    EXPECT_THAT(told, HasSubstr(one.why));
  }
}

}  // namespace
}  // namespace paceline::sender
