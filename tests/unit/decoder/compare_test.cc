// SPDX-License-Identifier: MIT
//
// Runs files, from their lines to the tables.
#include "paceline/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "decoder/histogram_text.h"
#include "paceline/error.h"
#include "tests/unit/temporary_directory.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Distribution distribution_of(const std::vector<std::int64_t>& values) {
  Distribution all;
  for (const std::int64_t value : values) {
    Distribution one;
    one.count = 1;
    one.sum = static_cast<uint128>(int128{value});
    one.sum_squares = static_cast<uint128>(int128{value} * value);
    one.min = one.max = value;
    one.buckets = {{buckets::index_of(value), 1}};
    all.merge(one);
  }
  return all;
}

PacketFlowResult packets(std::int64_t base) {
  PacketFlowResult flow;
  flow.complete = true;
  flow.spec.rate_pps = 100;
  flow.received.packets = 100;
  flow.received.bytes = 51'200;
  flow.received.lost = base % 7;
  flow.last_arrival = std::chrono::milliseconds(990);
  for (std::size_t i = 0; i < kSegmentCount; ++i) {
    std::vector<std::int64_t> delays;
    for (std::int64_t n = 0; n < 100; ++n) delays.push_back(base + n * 1000 + static_cast<std::int64_t>(i) * 7);
    flow.statistics.segments[i] = distribution_of(delays);
  }
  flow.sender_cpu = {std::chrono::milliseconds(30), std::chrono::milliseconds(20), std::chrono::seconds(1), {}};
  return flow;
}

CampaignHead head() {
  CampaignHead head;
  head.name = "a campaign";
  head.axes = {{"services", {"1", "1000", "20"}}, {"family", {"4", "6"}}, {"datapath", {"iptables", "ebpf"}}};
  return head;
}

CampaignRun run_of(const std::string& services, const std::string& datapath, std::uint32_t repetition,
                   std::int64_t base) {
  CampaignRun run;
  run.scenario = {{"services", services}, {"family", "4"}, {"datapath", datapath}};
  run.repetition = repetition;
  run.started_at = "2026-01-01T00:00:00Z";
  run.result.emplace();
  run.result->flows = {packets(base)};
  return run;
}

class CompareTest : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& text, const std::string& name = "runs.ndjson") {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  /// Ten runs a side for two service counts; ebpf's delays are half of iptables'.
  static std::string campaign() {
    std::string text = render_runs_line(head()) + '\n';
    for (std::uint32_t repetition = 1; repetition <= 10; ++repetition) {
      for (const char* services : {"1000", "20"}) {
        text += render_runs_line(run_of(services, "iptables", repetition, 200'000 + 1000 * repetition)) + '\n';
        text += render_runs_line(run_of(services, "ebpf", repetition, 100'000 + 500 * repetition)) + '\n';
      }
    }
    return text;
  }

  static CompareSpec spec() {
    CompareSpec spec;
    spec.axis = "datapath";
    spec.baseline = "iptables";
    spec.candidate = "ebpf";
    spec.metrics = {"delay min"};
    spec.resamples = 200;
    return spec;
  }

  std::string refusal(const std::filesystem::path& file, const CompareSpec& asked) {
    try {
      compare({file}, asked);
    } catch (const UsageError& error) {
      return error.what();
    } catch (const FileError& error) {
      return error.what();
    }
    return "nothing was refused";
  }

  const TemporaryDirectory directory_;
  const std::filesystem::path& folder_ = directory_.path();
};

TEST_F(CompareTest, SetsTheSidesAgainstEachOtherInEachCell) {
  const Comparison comparison = compare({write(campaign())}, spec());
  EXPECT_EQ(comparison.title, "a campaign");
  EXPECT_EQ(comparison.runs, 40U);
  EXPECT_EQ(comparison.used, 40U);
  EXPECT_THAT(comparison.warnings, IsEmpty());
  ASSERT_EQ(comparison.metrics.size(), 1U);
  const auto& cells = comparison.metrics[0].cells;
  ASSERT_EQ(cells.size(), 2U);
  EXPECT_THAT(cells[0].by, ElementsAre(std::pair("services", "20"), std::pair("family", "4")));  // numbers by value
  EXPECT_EQ(cells[0].baseline.runs, 10U);
  EXPECT_DOUBLE_EQ(cells[0].baseline.figures[0], 201'007);  // tx.due to rx.user: there is a schedule
  EXPECT_DOUBLE_EQ(cells[0].candidate.figures[3], 105'007);
  EXPECT_NEAR(cells[0].ratios[1].value, 0.5, 0.001);
  EXPECT_LE(cells[0].ratios[1].low, cells[0].ratios[1].value);
  EXPECT_GE(cells[0].ratios[1].high, cells[0].ratios[1].value);
  EXPECT_LT(cells[0].location->p, 0.001);
  EXPECT_EQ(cells[0].location->statistic, 0);
}

TEST_F(CompareTest, PercentilesAreThoseOfTheResult) {
  CompareSpec asked = spec();
  asked.metrics = {"p99", "tx.user-rx.user p37.5", "rx.tc-rx.user stddev", "delay mean"};
  const Comparison comparison = compare({write(campaign())}, asked);
  const PacketFlowResult flow = packets(201'000);
  const auto least = [&](std::size_t metric) { return comparison.metrics[metric].cells[0].baseline.figures[0]; };
  EXPECT_EQ(least(0), static_cast<double>(flow.statistics.segments[1].quantile(0.99)));
  EXPECT_EQ(least(1), static_cast<double>(flow.statistics.segments[0].quantile(0.375)));
  EXPECT_NEAR(least(2), flow.statistics.segments[3].stddev(), 1e-6);
  EXPECT_NEAR(least(3), flow.statistics.segments[1].mean(), 1e-6);
}

TEST_F(CompareTest, FlowsOfARunAreTakenTogetherOrOneByOne) {
  CampaignRun run = run_of("20", "ebpf", 1, 100'000);
  PacketFlowResult second = packets(900'000);
  second.spec.name = "second";
  run.result->flows.emplace_back(second);
  const auto file = write(render_runs_line(head()) + '\n' + render_runs_line(run) + '\n');
  CompareSpec asked;
  asked.metrics = {"p99", "delay mean", "loss", "throughput", "cpu sender", "delay stddev"};
  const auto figures = [&](const CompareSpec& wanted) {
    std::vector<double> values;
    for (const auto& metric : compare({file}, wanted).metrics)
      values.push_back(metric.cells.at(0).candidate.figures[1]);
    return values;
  };
  Distribution both = packets(100'000).statistics.segments[1];
  both.merge(second.statistics.segments[1]);
  const auto together = figures(asked);
  EXPECT_EQ(together[0], static_cast<double>(both.quantile(0.99)));
  EXPECT_NEAR(together[1], both.mean(), 1e-6);
  EXPECT_NEAR(together[2], (100'000 % 7 + 900'000 % 7) / (200.0 + 100'000 % 7 + 900'000 % 7), 1e-12);
  EXPECT_NEAR(together[3], 2 * 99 * 512 * 8 / 0.99, 1);
  EXPECT_NEAR(together[4], 0.05, 1e-12);
  EXPECT_NEAR(together[5], both.stddev(), 1e-6);
  asked.flow = "second";
  EXPECT_EQ(figures(asked)[0], static_cast<double>(second.statistics.segments[1].quantile(0.99)));
  asked.flow = "1";
  EXPECT_NEAR(figures(asked)[1], packets(100'000).statistics.segments[1].mean(), 1e-6);
}

TEST_F(CompareTest, TheLastCompleteAttemptCountsAndTheRestIsTold) {
  CampaignRun failed = run_of("20", "ebpf", 1, 1);
  failed.outcome = Outcome::failed;
  failed.reason = "the hook failed";
  failed.result.reset();
  CampaignRun again = run_of("20", "ebpf", 1, 5000), better = run_of("20", "ebpf", 1, 7000);
  again.attempt = 2;
  better.attempt = 3;
  CampaignRun lost = failed;
  lost.repetition = 2;
  std::string text = render_runs_line(head()) + '\n';
  for (const CampaignRun& run : {failed, again, better, failed, lost}) text += render_runs_line(run) + '\n';
  CompareSpec asked;
  asked.metrics = {"delay min"};
  const Comparison comparison = compare({write(text)}, asked);
  EXPECT_EQ(comparison.used, 1U);
  EXPECT_EQ(comparison.metrics[0].cells[0].candidate.figures[0], 7007);
  ASSERT_EQ(comparison.warnings.size(), 1U);
  EXPECT_THAT(comparison.warnings[0], HasSubstr("1 run left out, failed: the hook failed"));
}

TEST_F(CompareTest, DamagedLinesAreToldByTheirNumbers) {
  std::string text = campaign();
  const auto third = text.find('\n', text.find('\n') + 1) + 1;
  text[third] = 'x';
  text += R"({"type":"run","scenario":{"serv)";
  const Comparison comparison = compare({write(text)}, spec());
  EXPECT_EQ(comparison.used, 39U);
  ASSERT_EQ(comparison.warnings.size(), 2U);
  EXPECT_THAT(comparison.warnings[0], HasSubstr("the last line is torn"));
  EXPECT_THAT(comparison.warnings[1], HasSubstr(", line 3: damaged"));
}

TEST_F(CompareTest, ARunThatIsInTwoFilesCountsOnce) {
  const auto one = write(campaign(), "one.ndjson"), two = write(campaign(), "two.ndjson");
  const Comparison comparison = compare({one, two}, spec());
  EXPECT_EQ(comparison.used, 40U);
  EXPECT_THAT(comparison.warnings, ElementsAre(HasSubstr("40 runs in more than one file")));
}

TEST_F(CompareTest, CellsThatOneSideLacksAndFewRunsAreWarnedOf) {
  std::string text = render_runs_line(head()) + '\n';
  for (std::uint32_t repetition = 1; repetition <= 3; ++repetition)
    text += render_runs_line(run_of("20", "ebpf", repetition, 5000 + repetition)) + '\n';
  for (std::uint32_t repetition = 1; repetition <= 2; ++repetition)
    text += render_runs_line(run_of("20", "iptables", repetition, 6000)) + '\n';
  text += render_runs_line(run_of("1000", "ebpf", 1, 5000)) + '\n';
  const auto cells = compare({write(text)}, spec()).metrics.at(0).cells;
  EXPECT_THAT(cells[0].warnings,
              ElementsAre(HasSubstr("2 and 3 runs say nothing at 95 % confidence: 4 a side"),
                          HasSubstr("the sides have 2 and 3 runs"), HasSubstr("the baseline's stddev is 0")));
  EXPECT_THAT(cells[1].warnings, ElementsAre("no run of datapath = iptables"));
  EXPECT_TRUE(std::isnan(cells[1].ratios[0].value));
  EXPECT_FALSE(cells[1].location);
}

TEST_F(CompareTest, WithoutSidesThereIsATableOfEachCell) {
  CompareSpec asked;
  asked.metrics = {"delay max"};
  asked.by = {"datapath"};
  asked.where = {{"services", "1000"}};
  const Comparison comparison = compare({write(campaign())}, asked);
  ASSERT_EQ(comparison.metrics[0].cells.size(), 2U);
  EXPECT_EQ(comparison.metrics[0].cells[0].by[0].second, "ebpf");
  EXPECT_EQ(comparison.metrics[0].cells[0].candidate.runs, 10U);
  EXPECT_THAT(render_text(comparison), HasSubstr("datapath"));
}

TEST_F(CompareTest, WhatIsNotThereIsNamedWithWhatIs) {
  const auto file = write(campaign());
  CompareSpec asked = spec();
  asked.axis = "datapaht";
  EXPECT_THAT(refusal(file, asked), HasSubstr("(did you mean 'datapath'?); there are: services, family, datapath"));
  asked = spec();
  asked.candidate = "cilium";
  EXPECT_THAT(refusal(file, asked), HasSubstr("no complete run has datapath = 'cilium'; there are: ebpf, iptables"));
  asked = spec();
  asked.metrics = {"throughputt"};
  EXPECT_THAT(refusal(file, asked), HasSubstr("did you mean 'throughput'?"));
  asked.metrics = {"latncy p99"};
  EXPECT_THAT(refusal(file, asked), HasSubstr("'latncy' has no p99"));
  asked.metrics = {"connect p50"};
  EXPECT_THAT(refusal(file, asked), HasSubstr("no run has the metric 'connect p50'"));
  asked = spec();
  asked.by = {"datapath"};
  EXPECT_THAT(refusal(file, asked), HasSubstr("cannot make the cells as well"));
  EXPECT_THAT(refusal(write("{}\n", "none"), spec()), HasSubstr("no runs file"));
  EXPECT_THAT(refusal(write("", "empty"), spec()), HasSubstr("no runs file"));
  EXPECT_THAT(refusal(write(R"({"type":"campaign","format":2})"
                            "\n",
                            "new"),
                      spec()),
              HasSubstr("format is 2"));
  EXPECT_THAT(refusal(folder_ / "absent", spec()), HasSubstr("No such file"));
}

TEST_F(CompareTest, PublishedRatiosStandBesideTheOwn) {
  const auto published = write(
      "# a table\nservices,family,metric,figure,ratio\n20,4,delay min,median,0.75\n"
      "7,4,delay min,median,0.5\n",
      "published.csv");
  CompareSpec asked = spec();
  asked.reference = published;
  const Comparison comparison = compare({write(campaign())}, asked);
  const auto& cells = comparison.metrics[0].cells;
  ASSERT_TRUE(cells[0].reference);
  EXPECT_EQ((*cells[0].reference)[2], 0.75);
  EXPECT_TRUE(std::isnan((*cells[0].reference)[0]));
  EXPECT_FALSE(cells[1].reference);
  EXPECT_THAT(comparison.warnings, ElementsAre(HasSubstr("1 published ratio of other cells")));
  EXPECT_THAT(render_text(comparison), HasSubstr("published"));
  asked.reference = write("services,metric,figure,ratio\n", "short.csv");
  EXPECT_THAT(refusal(folder_ / "runs.ndjson", asked), HasSubstr("line 1: its head has no column 'family'"));
  asked.reference = write("services,family,metric,figure,ratio\n20,4,delay min,middle,1\n", "odd.csv");
  EXPECT_THAT(refusal(folder_ / "runs.ndjson", asked), HasSubstr("line 2: 'middle' is no figure"));
}

TEST_F(CompareTest, RequirementsNameTheCellsThatMissThem) {
  const Comparison comparison = compare({write(campaign())}, spec());
  EXPECT_THAT(misses(comparison, parse_ratio_requirement("ratio median < 0.6")), IsEmpty());
  EXPECT_THAT(misses(comparison, parse_ratio_requirement("delay min ratio max > 0.6")),
              ElementsAre(HasSubstr("services=20, family=4"), HasSubstr("services=1000, family=4")));
  EXPECT_EQ(misses(comparison, parse_ratio_requirement("loss ratio max < 2")).size(), 1U);
}

TEST(RatioRequirement, RefusesWithTheColumn) {
  const auto refusal = [](const char* text) -> std::string {
    try {
      parse_ratio_requirement(text);
      return "taken";
    } catch (const UsageError& error) {
      return error.what();
    }
  };
  EXPECT_THAT(refusal("stddev < 1.2"), HasSubstr("no 'ratio'"));
  EXPECT_THAT(refusal("ratio middle < 1"), HasSubstr("'middle' is no figure"));
  EXPECT_THAT(refusal("ratio stddev 1.2"), HasSubstr("neither < nor >"));
  EXPECT_THAT(refusal("ratio stddev < much"), HasSubstr("column 16: no number"));
  EXPECT_THAT(refusal("ratio stddev <"), HasSubstr("no number"));
}

TEST(HistogramText, ComesBack) {
  const Distribution values = distribution_of({-5, -5, 0, 3, 1000, 1'000'000'007, std::int64_t{1} << 60});
  const auto parsed = decoder::parse_histogram(decoder::histogram_text(values));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, values.buckets);
  EXPECT_EQ(decoder::parse_histogram(""), std::vector<Distribution::Bucket>());
}

TEST(HistogramText, RefusesWhatIsNone) {
  for (const char* text : {"A", "AAA", "AA==", "!!!!", "gA==", "AgECAA==", "BAECAQ=B", "/////////////////////////w=="})
    EXPECT_FALSE(decoder::parse_histogram(text)) << text;
}

}  // namespace
}  // namespace paceline
