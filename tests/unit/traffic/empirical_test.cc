// SPDX-License-Identifier: MIT
#include "traffic/empirical.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/traffic/file.h"

namespace paceline::traffic {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

model::Empirical read(const TestFile& file, Quantity quantity = Quantity::time) {
  Model model{model::Empirical{file.path(), {}, {}}};
  read_files(model, quantity);
  return std::get<model::Empirical>(model.family);
}

std::string error_of(const std::string& content) {
  const TestFile file(content);
  const std::string error = refusal([&] { read(file); });
  return error.starts_with(file.path()) ? error.substr(file.path().size()) : error;
}

TEST(Empirical, ALineIsAValueAndPerhapsAWeight) {
  const TestFile file("# gaps of a capture\n1ms\n0.002 3\n\n  20us , 0.5  # rare\r\n1e-3;2");
  const model::Empirical values = read(file);
  EXPECT_THAT(values.values, ElementsAre(0.001, 0.002, 20e-6, 0.001));
  EXPECT_THAT(values.weights, ElementsAre(1, 3, 0.5, 2));
}

TEST(Empirical, SizesHaveTheirUnits) {
  const TestFile file("512\n1k\n1KiB\n");
  EXPECT_THAT(read(file, Quantity::bytes).values, ElementsAre(512, 1000, 1024));
}

TEST(Empirical, ErrorsSayWhere) {
  EXPECT_THAT(error_of("1ms\n2ms\n  1xs\n"), HasSubstr(":3:3: '1xs' is not a time"));
  EXPECT_THAT(error_of("1ms -1\n"), HasSubstr(":1:5: '-1' is no weight"));
  EXPECT_THAT(error_of("1ms many\n"), HasSubstr(":1:5: 'many' is no weight"));
  EXPECT_THAT(error_of("1ms 1 1\n"), HasSubstr(":1:7: a line is VALUE or VALUE WEIGHT"));
  EXPECT_THAT(error_of("1ms\n" + std::string(5000, '1')), HasSubstr(":2:4096: the line is longer than 4096 bytes"));
  EXPECT_THAT(error_of(""), HasSubstr(": holds no values"));
  EXPECT_THAT(error_of("# nothing\n\n"), HasSubstr(": holds no values"));
  EXPECT_THAT(error_of("1ms 0\n2ms 0\n"), HasSubstr(": the weights add up to nothing"));
  EXPECT_THAT(error_of(std::string("1ms\n\0\n", 6)), HasSubstr(":2:1: "));
}

TEST(Empirical, AFileThatIsNotThereIsNamed) {
  Model model{model::Empirical{"/nowhere/gaps", {}, {}}};
  EXPECT_THAT(refusal([&] { read_files(model, Quantity::time); }),
              HasSubstr("/nowhere/gaps: cannot be opened: No such file or directory"));
  model = Model{model::Empirical{"/tmp", {}, {}}};
  EXPECT_THAT(refusal([&] { read_files(model, Quantity::time); }), HasSubstr("/tmp: is a directory"));
}

TEST(Empirical, PartsOfMixturesAreReadAndWhatHasValuesIsNot) {
  const TestFile file("1ms\n");
  Model model{model::Mixture{
      {0.5, 0.5}, {Model{model::Empirical{file.path(), {}, {}}}, Model{model::Empirical{"not read", {2}, {1}}}}}};
  read_files(model, Quantity::time);
  const auto& parts = std::get<model::Mixture>(model.family).parts;
  EXPECT_THAT(std::get<model::Empirical>(parts[0].family).values, ElementsAre(0.001));
  EXPECT_THAT(std::get<model::Empirical>(parts[1].family).values, ElementsAre(2));
}

}  // namespace
}  // namespace paceline::traffic
