// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "paceline/error.h"
#include "paceline/model.h"
#include "proto/model_fields.h"
#include "proto/quantity_text.h"
#include "proto/suggest.h"

namespace paceline {

namespace {

constexpr int kDeepest = 8;                  // mixtures in mixtures
constexpr double kSumTolerance = 1e-6;       // of weights that add up to 1
constexpr double kMostPoissonUnits = 1e9;    // its mean, in units
constexpr std::size_t kShownOfText = 80;     // in error messages
constexpr std::string_view kEnds = ",()@=";  // what ends a number

/// Foreign bytes as a message may show them.
std::string shown(std::string_view text) {
  std::string printable(text.substr(0, kShownOfText));
  std::ranges::replace_if(
      printable, [](char c) { return c < ' ' || c > '~'; }, '?');
  return "'" + printable + (text.size() > kShownOfText ? "..." : "") + "'";
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-'; }
bool begins_number(char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
  return std::nullopt;
}

template <std::size_t... Index>
Model::Family family_of(std::size_t index, std::index_sequence<Index...>) {
  Model::Family family;
  ((Index == index ? static_cast<void>(family.emplace<Index>()) : void()), ...);
  return family;
}

class Parser {
 public:
  Parser(std::string_view text, Quantity quantity) : text_(text), quantity_(quantity) {}

  Model parse() {
    if (text_.size() > kMaxModelText) {
      text_ = text_.substr(0, kShownOfText);
      fail(0, "the text is longer than " + std::to_string(kMaxModelText) + " bytes: put the values into a file");
    }
    Model model = read_model(0);
    if (skip_spaces(); at_ < text_.size()) fail(at_, shown(text_.substr(at_)) + " was not expected");
    return model;
  }

 private:
  [[noreturn]] void fail(std::size_t place, const std::string& what) const {
    throw UsageError("model " + shown(text_) + ", column " + std::to_string(place + 1) + ": " + what);
  }

  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  bool take(char wanted) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  void require(char wanted, const std::string& why) {
    if (!take(wanted)) fail(at_, std::string("'") + wanted + "' was expected: " + why);
  }

  /// Up to what ends a number, without the spaces around it.
  std::string_view take_token() {
    skip_spaces();
    const std::size_t end = std::min(text_.find_first_of(kEnds, at_), text_.size());
    std::string_view token = text_.substr(at_, end - at_);
    at_ = end;
    while (token.ends_with(' ')) token.remove_suffix(1);
    return token;
  }

  std::string take_word() {
    skip_spaces();
    std::string word;
    while (at_ < text_.size() && is_letter(text_[at_])) word += lower(text_[at_++]);
    return word;
  }

  /// `key=`, if that is what comes next.
  std::string take_key() {
    const std::size_t before = at_;
    std::string key = take_word();
    if (!key.empty() && take('=')) return key;
    at_ = before;
    return "";
  }

  double take_quantity() {
    skip_spaces();
    const std::size_t place = at_;
    const std::string_view token = take_token();
    const auto value = parse_quantity(token, quantity_);
    if (!value) {
      fail(place, (token.empty() ? "what is missing here is " : shown(token) + " is not ") +
                      std::string(description(quantity_)));
    }
    return *value;
  }

  double take_number() {
    skip_spaces();
    const std::size_t place = at_;
    const std::string_view token = take_token();
    const auto value = parse_number(token);
    if (!value) fail(place, shown(token) + " is no number");
    return *value;
  }

  Model read_model(int depth) {
    skip_spaces();
    if (at_ < text_.size() && begins_number(text_[at_])) return Model{model::Constant{take_quantity()}};
    const std::size_t place = at_;
    Model model;
    model.family = read_family();
    std::visit([&](auto& family) { read(family, model, place, depth); }, model.family);
    if (model.least > model.most) {
      const auto [least, most] = bound_names(model.family);
      fail(place, std::string(least) + " is above " + std::string(most));
    }
    return model;
  }

  Model::Family read_family() {
    const std::size_t place = at_;
    std::string word = take_word();
    if (word.empty()) fail(place, "a quantity or the name of a family was expected");
    for (const auto& [alias, name] : kFamilyAliases) {
      if (word == alias) word = name;
    }
    const auto known = std::ranges::find(kFamilyNames, word);
    if (known == kFamilyNames.end()) {
      const std::string meant = closest(word, {kFamilyNames.begin(), kFamilyNames.end()});
      fail(place, "the family " + shown(word) + " is not known" +
                      (meant.empty() ? ": there are " + list(kFamilyNames) : "; did you mean '" + meant + "'?"));
    }
    require(':', word + " needs its parameters, like " + example(word));
    return family_of(static_cast<std::size_t>(known - kFamilyNames.begin()),
                     std::make_index_sequence<kFamilyNames.size()>());
  }

  static std::string example(const std::string& family) {
    if (family == "discrete") return "discrete:0.8@27,0.2@28";
    if (family == "mixture") return "mixture:0.6@(exponential:4),0.4@(constant:10)";
    if (family == "empirical") return "empirical:file=PATH";
    if (family == "constant") return "constant:1";
    if (family == "normal") return "normal:mean=10,stddev=2";
    if (family == "uniform") return "uniform:min=1,max=2";
    if (family == "cauchy") return "cauchy:location=2,scale=1";
    if (family == "student") return "student:freedom=4,scale=1,location=2";
    return family + (family == "exponential" || family == "poisson" ? ":mean=1" : ":shape=2,scale=1");
  }

  template <class Names>
  static std::string list(const Names& names) {
    std::string text;
    for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
    return text;
  }

  /// Families that have nothing but numbers.
  template <class Numbers>
  void read(Numbers& numbers, Model& model, std::size_t place, int) {
    const std::vector<Field> known = fields(numbers);
    std::vector<bool> given(known.size());
    bool first = true;
    do {
      skip_spaces();
      const std::size_t item = at_;
      const std::string key = take_key();
      if (!key.empty() && read_bound(key, item, model)) continue;
      const std::size_t field = key.empty() && first ? 0 : find_field(key, item, known, model);
      if (given[field]) fail(item, std::string(known[field].name) + " was given before");
      given[field] = true;
      read_field(known[field]);
      first = false;
    } while (take(','));
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (known[i].required && !given[i]) fail(place, std::string(known[i].name) + "= is missing");
    }
    check(numbers, place);
  }

  std::size_t find_field(const std::string& key, std::size_t place, const std::vector<Field>& known,
                         const Model& model) const {
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (known[i].name == key) return i;
    }
    const auto [least, most] = bound_names(model.family);
    std::vector<std::string> names;
    for (const Field& field : known) names.emplace_back(field.name);
    names.insert(names.end(), {std::string(least), std::string(most)});
    if (key.empty()) fail(place, "NAME=VALUE was expected, with a name out of " + list(names));
    const std::string meant = closest(key, names);
    fail(place, "the parameter " + shown(key) + " is not known" +
                    (meant.empty() ? ": there are " + list(names) : "; did you mean '" + meant + "'?"));
  }

  void read_field(const Field& field) {
    skip_spaces();
    const std::size_t place = at_;
    *field.value = field.kind == Kind::quantity ? take_quantity() : take_number();
    const bool holds = field.allowed == Allowed::any || *field.value > 0 ||
                       (field.allowed == Allowed::not_negative && *field.value >= 0);
    if (!holds) {
      fail(place, std::string(field.name) + " is " + shown(text_.substr(place, at_ - place)) +
                      (field.allowed == Allowed::positive ? ": it must be above 0" : ": it must not be negative"));
    }
  }

  /// min= and max=, least= and most=: what every family takes.
  bool read_bound(const std::string& key, std::size_t place, Model& model) {
    const auto [least, most] = bound_names(model.family);
    if (key != least && key != most) return false;
    double& bound = key == least ? model.least : model.most;
    if (std::isfinite(bound)) fail(place, key + " was given before");
    bound = take_quantity();
    return true;
  }

  void check(const model::Uniform& m, std::size_t place) const {
    if (m.min > m.max) fail(place, "min is above max");
  }
  void check(const model::Poisson& m, std::size_t place) const {
    const double unit = poisson_unit(m, quantity_);
    if (!(m.mean / unit <= kMostPoissonUnits)) {
      fail(place, "the mean is more than 1e9 units of " + to_string(unit, quantity_) + ": give a larger unit=");
    }
  }
  template <class Numbers>
  void check(const Numbers&, std::size_t) const {}

  void read(model::Discrete& m, Model& model, std::size_t place, int) {
    read_weighted(m.weights, model, place, [&] { m.values.push_back(take_quantity()); });
  }

  void read(model::Mixture& m, Model& model, std::size_t place, int depth) {
    if (depth == kDeepest) fail(place, "mixtures are nested more than " + std::to_string(kDeepest) + " deep");
    read_weighted(m.weights, model, place, [&] {
      if (take('(')) {
        m.parts.push_back(read_model(depth + 1));
        require(')', "it ends the part of the mixture");
      } else {
        m.parts.push_back(Model{model::Constant{take_quantity()}});
      }
    });
  }

  /// WEIGHT@ITEM,WEIGHT@ITEM...
  template <class Item>
  void read_weighted(std::vector<double>& weights, Model& model, std::size_t place, Item read_item) {
    do {
      skip_spaces();
      const std::size_t item = at_;
      const std::string key = take_key();
      if (!key.empty()) {
        if (!read_bound(key, item, model)) fail(item, "PROBABILITY@VALUE, min= or max= was expected");
        continue;
      }
      const double weight = take_number();
      if (weight < 0) fail(item, "a probability is negative");
      require('@', "it stands between a probability and what has it");
      weights.push_back(weight);
      read_item();
    } while (take(','));
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    if (!(std::abs(sum - 1) <= kSumTolerance))
      fail(place, "the probabilities add up to " + number_text(std::round(sum * 1e6) / 1e6) + ", not to 1");
  }

  void read(model::Empirical& m, Model& model, std::size_t place, int) {
    bool first = true;
    do {
      skip_spaces();
      const std::size_t item = at_;
      const std::string key = take_key();
      if (!key.empty() && read_bound(key, item, model)) continue;
      if (key != "file" && !(key.empty() && first)) fail(item, "file=, min= or max= was expected");
      if (!m.file.empty()) fail(item, "file was given before");
      m.file = take_path();
      first = false;
    } while (take(','));
    if (m.file.empty()) fail(place, "file= is missing");
  }

  std::string take_path() {
    skip_spaces();
    const std::size_t place = at_;
    std::string path = take('"') ? take_quoted(place) : std::string(take_plain_path());
    if (path.empty()) fail(place, "a file's name was expected");
    if (path.find('\0') != std::string::npos) fail(place, "a file's name has no zero byte");
    return path;
  }

  std::string_view take_plain_path() {
    const std::size_t end = std::min(text_.find_first_of(",()\"", at_), text_.size());
    std::string_view path = text_.substr(at_, end - at_);
    at_ = end;
    while (path.ends_with(' ')) path.remove_suffix(1);
    return path;
  }

  /// Behind the opening quote. \" \\ and \xHH stand for what they do in C.
  std::string take_quoted(std::size_t place) {
    std::string path;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return path;
      path += c == '\\' ? take_escaped() : c;
    }
    fail(place, "the closing quote is missing");
  }

  char take_escaped() {
    const std::size_t place = at_ - 1;
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with('"') || rest.starts_with('\\')) return text_[at_++];
    if (rest.size() >= 3 && rest[0] == 'x') {
      const auto high = hex_digit(rest[1]), low = hex_digit(rest[2]);
      at_ += 3;
      if (high && low) return static_cast<char>(*high * 16 + *low);
    }
    fail(place, "only \\\", \\\\ and \\xHH are known in quotes");
  }

  std::string_view text_;
  Quantity quantity_;
  std::size_t at_ = 0;
};

}  // namespace

Model parse_model(std::string_view text, Quantity quantity) { return Parser(text, quantity).parse(); }

}  // namespace paceline
