// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "paceline/error.h"
#include "paceline/model.h"

namespace paceline {
namespace {

using testing::HasSubstr;

Model time_model(std::string_view text) { return parse_model(text, Quantity::time); }
Model size_model(std::string_view text) { return parse_model(text, Quantity::bytes); }

std::string error_of(std::string_view text, Quantity quantity = Quantity::time) {
  try {
    parse_model(text, quantity);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

// Any valid model, of any depth and any numbers, made of whatever random bits come.
class AnyModel {
 public:
  explicit AnyModel(unsigned seed) : random_(seed) {}

  Model next(int depth = 0) {
    Model model;
    switch (below(depth < 3 ? 13 : 12)) {
      case 0: model.family = model::Constant{any()}; break;
      case 1: model.family = uniform(); break;
      case 2: model.family = model::Exponential{positive()}; break;
      case 3: model.family = poisson(); break;
      case 4: model.family = model::Pareto{positive(), positive()}; break;
      case 5: model.family = model::Cauchy{any(), positive()}; break;
      case 6: model.family = model::Normal{any(), below(9) == 0 ? 0 : positive()}; break;
      case 7: model.family = model::Gamma{positive(), positive()}; break;
      case 8: model.family = model::Weibull{positive(), positive()}; break;
      case 9: model.family = model::Student{positive(), positive(), any()}; break;
      case 10: model.family = discrete(); break;
      case 11: model.family = model::Empirical{path(), {}, {}}; break;
      default: model.family = mixture(depth); break;
    }
    if (below(3) == 0) model.least = any();
    if (below(3) == 0) model.most = any();
    if (model.least > model.most) std::swap(model.least, model.most);
    return model;
  }

 private:
  std::size_t below(std::size_t end) { return random_() % end; }

  // Half of them as people write them, half with all bits.
  double positive() {
    if (below(2) == 0) return static_cast<double>(1 + below(5000)) / std::pow(10, static_cast<double>(below(9)));
    return std::ldexp(1 + static_cast<double>(random_() >> 12) * 0x1p-52, static_cast<int>(below(400)) - 200);
  }
  double any() { return below(3) == 0 ? -positive() : below(8) == 0 ? 0 : positive(); }

  model::Uniform uniform() {
    const double a = any(), b = any();
    return {std::min(a, b), std::max(a, b)};
  }
  model::Poisson poisson() {
    const double unit = positive();
    return {unit * static_cast<double>(1 + below(1'000'000)), unit};
  }
  std::vector<double> weights(std::size_t count) {
    std::vector<double> weights;
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += weights.emplace_back(static_cast<double>(1 + below(1000)));
    for (double& weight : weights) weight /= sum;
    return weights;
  }
  model::Discrete discrete() {
    model::Discrete discrete{{}, weights(1 + below(20))};
    for (std::size_t i = 0; i < discrete.weights.size(); ++i) discrete.values.push_back(any());
    return discrete;
  }
  model::Mixture mixture(int depth) {
    model::Mixture mixture{weights(1 + below(3)), {}};
    for (std::size_t i = 0; i < mixture.weights.size(); ++i) mixture.parts.push_back(next(depth + 1));
    return mixture;
  }
  std::string path() {
    std::string path;
    for (std::size_t i = 0; i < 1 + below(20); ++i) path += static_cast<char>(1 + below(255));
    return path;
  }

  std::mt19937_64 random_;
};

TEST(ModelText, EveryModelSurvives) {
  AnyModel any(1);
  std::array<int, std::variant_size_v<Model::Family>> seen{};
  for (int i = 0; i < 20'000; ++i) {
    const Model model = any.next();
    ++seen[model.family.index()];
    for (const Quantity quantity : {Quantity::time, Quantity::bytes}) {
      const std::string text = to_string(model, quantity);
      ASSERT_EQ(parse_model(text, quantity), model) << text;
      ASSERT_EQ(to_string(parse_model(text, quantity), quantity), text);
    }
  }
  for (const int count : seen) EXPECT_GT(count, 500);
}

TEST(ModelText, IsReadable) {
  EXPECT_EQ(to_string(time_model("0.001"), Quantity::time), "constant:1ms");
  EXPECT_EQ(to_string(time_model("exponential:0.0000205"), Quantity::time), "exponential:mean=20.5us");
  EXPECT_EQ(to_string(time_model("student:41.6994,scale=.104821ms,location=.704073ms"), Quantity::time),
            "student:freedom=41.6994,scale=104.821us,location=704.073us");
  EXPECT_EQ(to_string(size_model("normal:512,stddev=64,min=18"), Quantity::bytes), "normal:mean=512,stddev=64,min=18");
  EXPECT_EQ(to_string(size_model("constant:0.5M"), Quantity::bytes), "constant:500000");
  EXPECT_EQ(to_string(size_model("constant:1.5M"), Quantity::bytes), "constant:1500k");
  EXPECT_EQ(to_string(size_model("discrete:0.83@27,0.17@28"), Quantity::bytes), "discrete:0.83@27,0.17@28");
  EXPECT_EQ(to_string(time_model("mixture:0.6@(exponential:4ms),0.4@10ms"), Quantity::time),
            "mixture:0.6@(exponential:mean=4ms),0.4@(constant:10ms)");
  EXPECT_EQ(to_string(size_model("uniform:min=100,max=320,least=120"), Quantity::bytes),
            "uniform:min=100,max=320,least=120");
  EXPECT_EQ(to_string(time_model("empirical:/data/gaps.txt"), Quantity::time), "empirical:file=/data/gaps.txt");
}

TEST(ModelText, PoissonsUnitIsTheQuantitysUnlessGiven) {
  EXPECT_EQ(to_string(time_model("poisson:5ms"), Quantity::time), "poisson:mean=5ms");
  EXPECT_EQ(poisson_unit(std::get<model::Poisson>(time_model("poisson:5ms").family), Quantity::time), 1e-3);
  EXPECT_EQ(poisson_unit(std::get<model::Poisson>(size_model("poisson:500").family), Quantity::bytes), 1);
  EXPECT_EQ(poisson_unit(std::get<model::Poisson>(time_model("poisson:5ms,unit=1us").family), Quantity::time), 1e-6);
}

TEST(ModelText, UnitsAreExact) {
  EXPECT_EQ(std::get<model::Constant>(time_model("20us").family).value, 20e-6);
  EXPECT_EQ(std::get<model::Constant>(time_model("0.1ms").family).value, 0.0001);
  EXPECT_EQ(std::get<model::Constant>(time_model("1e-3ms").family).value, 1e-6);
  EXPECT_EQ(std::get<model::Constant>(time_model("2min").family).value, 120);
  EXPECT_EQ(std::get<model::Constant>(time_model("1.5h").family).value, 5400);
  EXPECT_EQ(std::get<model::Constant>(size_model("1k").family).value, 1000);
  EXPECT_EQ(std::get<model::Constant>(size_model("1.5KiB").family).value, 1536);
  EXPECT_EQ(std::get<model::Constant>(time_model("-.5ms").family).value, -0.0005);
}

TEST(ModelText, IsWrittenLoosely) {
  EXPECT_EQ(size_model(" Normal: mean = 512 , stddev = 64 "), size_model("normal:mean=512,stddev=64"));
  EXPECT_EQ(size_model("gaussian:512,stddev=64"), size_model("normal:512,stddev=64"));
  EXPECT_EQ(size_model("normal:stddev=64,mean=512"), size_model("normal:512,stddev=64"));
  EXPECT_EQ(time_model("Student-t:4,scale=1ms"), time_model("student:freedom=4,scale=1ms"));
  EXPECT_EQ(time_model("mixture:max=1s,1@(2ms)"), time_model("mixture:1@2ms,max=1s"));
}

TEST(ModelText, FilesNamesHoldAnything) {
  const auto file = [](std::string_view text) { return std::get<model::Empirical>(time_model(text).family).file; };
  EXPECT_EQ(file("empirical:file=a b.txt,min=1ms"), "a b.txt");
  EXPECT_EQ(file(R"(empirical:file="a,(b) \"c\" \\ \xe4.txt",min=1ms)"), "a,(b) \"c\" \\ \xe4.txt");
  EXPECT_EQ(to_string(time_model(R"(empirical:file="a,\xe4")"), Quantity::time), R"(empirical:file="a,\xe4")");
}

TEST(ModelText, ErrorsSayWhereAndWhatWasMeant) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "column 1: a quantity or the name of a family"},
      {"expnential:1ms", "column 1: the family 'expnential' is not known; did you mean 'exponential'?"},
      {"zipf:1ms", "column 1: the family 'zipf' is not known: there are constant, uniform, "},
      {"normal:1ms,stdev=2ms", "column 12: the parameter 'stdev' is not known; did you mean 'stddev'?"},
      {"normal:1ms,least=2ms", "column 12: the parameter 'least' is not known: there are mean, stddev, min, max"},
      {"normal", "column 7: ':' was expected: normal needs its parameters, like normal:mean=10,stddev=2"},
      {"normal:1ms", "column 1: stddev= is missing"},
      {"normal:1ms,2ms", "column 12: NAME=VALUE was expected, with a name out of mean, stddev, min, max"},
      {"normal:1ms,mean=2ms", "column 12: mean was given before"},
      {"normal:1ms,stddev=2ms,max=1,max=2", "column 29: max was given before"},
      {"exponential:0", "column 13: mean is '0': it must be above 0"},
      {"exponential:-1ms", "column 13: mean is '-1ms': it must be above 0"},
      {"normal:1ms,stddev=-1ms", "column 19: stddev is '-1ms': it must not be negative"},
      {"exponential:1mss", "column 13: '1mss' is not a time: a number and one of s, ms, us"},
      {"exponential:nan", "column 13: 'nan' is not a time"},
      {"exponential:1e999", "column 13: '1e999' is not a time"},
      {"exponential:", "column 13: what is missing here is a time"},
      {"pareto:shape=2ms,scale=1ms", "column 14: '2ms' is no number"},
      {"uniform:min=2ms,max=1ms", "column 1: min is above max"},
      {"exponential:1ms,min=2ms,max=1ms", "column 1: min is above max"},
      {"discrete:0.5@1ms,0.4@2ms", "column 1: the probabilities add up to 0.9, not to 1"},
      {"discrete:1.5@1ms,-0.5@2ms", "column 18: a probability is negative"},
      {"discrete:1ms", "column 10: '1ms' is no number"},
      {"discrete:1", "column 11: '@' was expected"},
      {"discrete:min=1ms", "column 1: the probabilities add up to 0, not to 1"},
      {"mixture:1@(exponential:1ms", "column 27: ')' was expected"},
      {"mixture:0.5@(exponential:1ms),0.5@(norml:1ms)",
       "column 36: the family 'norml' is not known; did you mean 'normal'?"},
      {"empirical:", "column 11: a file's name was expected"},
      {"empirical:min=1ms", "column 1: file= is missing"},
      {"empirical:file=\"a", "column 16: the closing quote is missing"},
      {"empirical:file=\"\\x0\"", "column 17: only \\\", \\\\ and \\xHH are known in quotes"},
      {"empirical:file=\"\\x00\"", "column 16: a file's name has no zero byte"},
      {"poisson:1000h,unit=1us", "column 1: the mean is more than 1e9 units of 1us"},
      {"1ms,2ms", "column 4: ',2ms' was not expected"},
      {"1ms\n", "column 1: '1ms?' is not a time"},
  };
  for (const auto& [text, error] : cases) EXPECT_THAT(error_of(text), HasSubstr(error)) << text;
  EXPECT_THAT(error_of("1ms", Quantity::bytes), HasSubstr("'1ms' is not a size: a number and one of B, k, M"));
}

TEST(ModelText, DepthAndLengthAreBounded) {
  std::string nested = "1ms";
  for (int i = 0; i < 8; ++i) nested = "mixture:1@(" + nested + ")";
  EXPECT_EQ(error_of(nested), "accepted");
  EXPECT_THAT(error_of("mixture:1@(" + nested + ")"), HasSubstr("nested more than 8 deep"));
  std::string deep;
  for (int i = 0; i < 1400; ++i) deep += "mixture:1@(";
  EXPECT_THAT(error_of(deep), HasSubstr("nested more than 8 deep"));
  EXPECT_THAT(error_of(std::string(kMaxModelText, ' ') + "1"), HasSubstr("longer than 16384 bytes"));
  EXPECT_EQ(error_of(std::string(kMaxModelText - 1, ' ') + "1"), "accepted");
}

TEST(ModelText, WhatAProgramPutTogetherWronglyIsNoModelsText) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(time_model(to_string(Model{model::Exponential{nan}}, Quantity::time)), UsageError);
  EXPECT_THROW(time_model(to_string(Model{model::Constant{std::numeric_limits<double>::infinity()}}, Quantity::time)),
               UsageError);
  EXPECT_THROW(time_model(to_string(Model{model::Empirical{}}, Quantity::time)), UsageError);
  EXPECT_THROW(time_model(to_string(Model{model::Discrete{}}, Quantity::time)), UsageError);
}

TEST(ModelMean, IsTheFamilys) {
  const auto mean_of = [](std::string_view text) { return mean(size_model(text)); };
  EXPECT_EQ(mean_of("512"), 512);
  EXPECT_EQ(mean_of("uniform:min=100,max=320"), 210);
  EXPECT_EQ(mean_of("exponential:7"), 7);
  EXPECT_EQ(mean_of("poisson:7"), 7);
  EXPECT_EQ(mean_of("pareto:shape=2,scale=5"), 10);
  EXPECT_EQ(mean_of("pareto:shape=1,scale=5"), std::nullopt);
  EXPECT_EQ(mean_of("cauchy:location=1,scale=5"), std::nullopt);
  EXPECT_EQ(mean_of("normal:mean=-3,stddev=5"), -3);
  EXPECT_EQ(mean_of("gamma:shape=2,scale=5"), 10);
  EXPECT_DOUBLE_EQ(mean_of("weibull:shape=2,scale=5").value(), 5 * std::sqrt(std::acos(-1.0)) / 2);
  EXPECT_EQ(mean_of("student:freedom=1,location=5"), std::nullopt);
  EXPECT_EQ(mean_of("student:freedom=1.1,location=5"), 5);
  EXPECT_EQ(mean_of("discrete:0.25@10,0.75@20"), 17.5);
  EXPECT_EQ(mean_of("mixture:0.25@10,0.75@(exponential:20)"), 17.5);
  EXPECT_EQ(mean_of("mixture:0.25@10,0.75@(cauchy:location=1,scale=1)"), std::nullopt);
  EXPECT_EQ(mean_of("empirical:file=unread"), std::nullopt);
  EXPECT_EQ(mean(Model{model::Empirical{"read", {1, 2}, {3, 1}}}), 1.25);
}

}  // namespace
}  // namespace paceline
