// SPDX-License-Identifier: MIT
#include "paceline/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace paceline {
namespace {

using nlohmann::json;

json data_of(const std::string& page) {
  const std::string begin = R"(<script type="application/json" id="data">)";
  const auto from = page.find(begin) + begin.size();
  return json::parse(page.substr(from, page.find("</script>", from) - from));
}

RunResult run_named(const std::string& name) {
  RunResult run;
  PacketFlowResult flow;
  flow.spec.name = name;
  run.title = name;
  run.flows.emplace_back(flow);
  return run;
}

PacketInterval interval_with(std::uint64_t index, std::int64_t lost) {
  PacketInterval interval;
  interval.index = index;
  interval.received.lost = lost;
  return interval;
}

TEST(Report, ALatePacketIsTakenFromTheLossOfTheIntervalThatHadMissedIt) {
  Report report;
  report.interval(0, interval_with(0, 3));
  PacketInterval later = interval_with(1, -1);
  later.corrections.push_back({0, -1});
  report.interval(0, later);
  const json rows = data_of(report.html(run_named("voice")))["rows"][0];
  const auto place =
      static_cast<std::size_t>(std::ranges::find(rows["columns"], "/received/lost") - rows["columns"].begin());
  EXPECT_EQ(rows["rows"][0][place], 2);
  EXPECT_EQ(rows["rows"][1][place], 0);
}

TEST(Report, NoTextLeavesItsPlace) {
  const std::string hostile = "</script><script>alert(1)</script><!-- @data@ @script@ \"&";
  const std::string page = Report().html(run_named(hostile));
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find("<!-- @data@"), std::string::npos);
  EXPECT_EQ(data_of(page)["run"]["flows"][0]["flow"]["name"], hostile);
  EXPECT_EQ(data_of(page)["run"]["title"], hostile);
}

TEST(Report, EachPageAllowsItsOwnScriptsAlone) {
  const std::string first = Report().html(run_named("a")), second = Report().html(run_named("a"));
  const auto nonce = [](const std::string& page) { return page.substr(page.find("'nonce-") + 7, 32); };
  EXPECT_NE(nonce(first), nonce(second));
  EXPECT_NE(first.find("<script nonce=\"" + nonce(first) + "\">"), std::string::npos);
}

}  // namespace
}  // namespace paceline
